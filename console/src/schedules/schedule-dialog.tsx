import { type ReactNode, useState } from 'react';
import { type Query, send } from '../api.js';
import type { ScheduleResponse } from '../api-types.js';
import { FormDialog, Labeled } from '../ui/form-dialog.js';
import { fieldsOf, type Kind, kindOf, KINDS } from './schedule-form.js';

const SAMPLE = JSON.stringify({ type: 'echo', input: { hello: 'world' } }, null, 2);
const SAYS: Readonly<Record<Kind, { label: string; hint: string; sample: string }>> = {
  cron: {
    label: 'a cron pattern',
    hint: 'Five fields, or six with seconds first.',
    sample: '0 3 * * MON-FRI',
  },
  every_s: { label: 'every so many seconds', hint: 'Counted from when it is made.', sample: '900' },
  at: { label: 'once', hint: 'A time with its zone, RFC 3339.', sample: '2027-01-01T00:00:00Z' },
};

/** Makes a schedule, or changes one. */
export function ScheduleDialog({
  current,
  query,
  onDone,
  onClose,
}: {
  current?: ScheduleResponse;
  query: Query;
  onDone?: (made: ScheduleResponse) => void;
  onClose: () => void;
}): ReactNode {
  return (
    <FormDialog
      wide
      title={current ? 'Change the schedule' : 'New schedule'}
      verb={current ? 'Change' : 'Create'}
      onClose={onClose}
      onSubmit={async (given) => {
        const fields = fieldsOf(given);
        const made = current
          ? await send<ScheduleResponse>('PATCH', `/v1/schedules/${current.id}`, fields, query)
          : await send<ScheduleResponse>('POST', '/v1/schedules', fields, query);
        onDone?.(made);
      }}
    >
      <Labeled label="Name">
        <input name="name" required maxLength={200} defaultValue={current?.name} autoFocus />
      </Labeled>
      <When current={current} />
      <Labeled
        label="Operation, JSON"
        hint={
          current
            ? `As POST /v1/operations takes it. Its input may be secret and isn’t shown: empty leaves ${current.operation.type} as it is.`
            : 'As POST /v1/operations takes it: type, input, callback.'
        }
      >
        <textarea
          name="operation"
          className="mono"
          rows={current ? 3 : 6}
          required={!current}
          defaultValue={current ? '' : SAMPLE}
          spellCheck={false}
        />
      </Labeled>
      <details>
        <summary>Outages, overlap, jitter, end</summary>
        <Rest current={current} />
      </details>
    </FormDialog>
  );
}

function When({ current }: { current: ScheduleResponse | undefined }): ReactNode {
  const [kind, choose] = useState(kindOf(current));
  const { hint, sample } = SAYS[kind];
  return (
    <div className="fields">
      <Labeled label="Ticks by">
        <select name="kind" value={kind} onChange={({ target }) => choose(target.value as Kind)}>
          {KINDS.map((each) => (
            <option key={each} value={each}>
              {SAYS[each].label}
            </option>
          ))}
        </select>
      </Labeled>
      <Labeled label="When" hint={hint}>
        <input
          key={kind}
          name="when"
          className="mono"
          required
          defaultValue={current?.[kind] ?? ''}
          placeholder={sample}
          spellCheck={false}
        />
      </Labeled>
      <Labeled label="Time zone" hint="Whose clock a pattern follows.">
        <input name="time_zone" required defaultValue={current?.time_zone ?? 'UTC'} spellCheck={false} />
      </Labeled>
    </div>
  );
}

function Rest({ current }: { current: ScheduleResponse | undefined }): ReactNode {
  return (
    <div className="form inside-details">
      <div className="fields">
        <Labeled label="After an outage" hint="What is owed of the ticks that came meanwhile.">
          <select name="missed" defaultValue={current?.missed ?? 'once'}>
            <option value="once">the last of them</option>
            <option value="all">all of them</option>
            <option value="skip">none of them</option>
          </select>
        </Labeled>
        <Labeled label="While the one before runs">
          <select name="overlap" defaultValue={current?.overlap ?? 'allow'}>
            <option value="allow">submit another</option>
            <option value="skip">leave the tick out</option>
          </select>
        </Labeled>
        <Labeled label="Jitter" hint="Seconds by which ticks are submitted later.">
          <input name="jitter_s" inputMode="decimal" defaultValue={current?.jitter_s ?? 0} />
        </Labeled>
        <Labeled label="Ends at" hint="A time, RFC 3339; empty: never.">
          <input name="ends_at" className="mono" defaultValue={current?.ends_at ?? ''} />
        </Labeled>
      </div>
    </div>
  );
}
