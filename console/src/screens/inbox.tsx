import { type ReactNode, useState } from 'react';
import { getRouteApi, Link } from '@tanstack/react-router';
import { send } from '../api.js';
import { Received } from '../inbox/received.js';
import { type InboxAnswers, type InboxState, type ReceivedSummary, useInbox, useReceived } from '../inbox.js';
import { useMay } from '../session.js';
import { Action, AskedAction } from '../ui/action.js';
import { Ago } from '../ui/ago.js';
import { Copy } from '../ui/copy.js';
import { Empty } from '../ui/empty.js';
import { FormDialog, Labeled } from '../ui/form-dialog.js';
import { Problem } from '../ui/problem.js';
import { typed } from '../form-text.js';
import { counted } from '../words.js';

const route = getRouteApi('/inbox');

/** Callbacks that the service receives itself, in development: what came, and whether its signature is right. */
export function Inbox(): ReactNode {
  const { number } = route.useSearch();
  const { inbox, error } = useInbox({ isWatched: true });
  const newest = inbox?.data[0]?.number;
  const chosen = number === undefined ? newest : Number(number);
  const { received, error: gone } = useReceived(chosen);
  return (
    <div className="screen">
      <div className="screen-head">
        <h1>Inbox</h1>
        {inbox && <Buttons inbox={inbox} />}
      </div>
      <Problem error={error} />
      {inbox && <Address inbox={inbox} />}
      {inbox && inbox.data.length === 0 && <Nothing url={inbox.url} />}
      {inbox && inbox.data.length > 0 && (
        <div className="columns even">
          <Rows rows={inbox.data} chosen={chosen} />
          <div className="stack">
            <Problem error={gone} />
            {received && <Received key={received.number} of={received} />}
          </div>
        </div>
      )}
      {!inbox && !error && (
        <Empty title="This service has no inbox">
          <p>It receives callbacks itself in development alone, where NODE_ENV is not production.</p>
        </Empty>
      )}
    </div>
  );
}

function Address({ inbox: { url, answers } }: { inbox: InboxState }): ReactNode {
  const { fail_next: failing, wait_s: wait } = answers;
  return (
    <p className="inbox-address">
      Callbacks to <code>{url}</code> <Copy text={url} /> are taken, checked and shown here
      {failing > 0 || wait > 0 ? (
        <strong className="status waiting">
          {[
            failing > 0 ? `the next ${counted(failing, 'callback')} answered 500` : '',
            wait > 0 ? `each answered after ${wait} s` : '',
          ]
            .filter(Boolean)
            .join(', ')}
        </strong>
      ) : (
        '; each is answered 204 at once.'
      )}
    </p>
  );
}

function Buttons({ inbox }: { inbox: InboxState }): ReactNode {
  const isAdmin = useMay('admin');
  const [asking, ask] = useState(false);
  if (!isAdmin) return null;
  const { fail_next: failing, wait_s: wait } = inbox.answers;
  return (
    <div className="buttons">
      {failing > 0 || wait > 0 ? (
        <Action
          label="Answer 204 again"
          className="primary"
          run={() => answer({ fail_next: 0, wait_s: 0 })}
          changes={['inbox']}
        />
      ) : null}
      <button type="button" className="button" onClick={() => ask(true)}>
        Answer otherwise …
      </button>
      <AskedAction
        label="Empty"
        disabled={inbox.data.length === 0}
        run={() => send('DELETE', '/inbox')}
        changes={['inbox']}
        ask={<p>What was received is forgotten here; the log of deliveries has its attempts.</p>}
      />
      {asking && (
        <FormDialog
          title="How the inbox answers"
          verb="Answer so"
          onClose={() => ask(false)}
          onSubmit={(given) =>
            answer({ fail_next: Number(typed(given, 'fail_next')), wait_s: Number(typed(given, 'wait_s')) })
          }
        >
          <Labeled label="Answer 500 for the next" hint="Callbacks, 0 to 1000: see how they are tried again.">
            <input name="fail_next" type="number" min={0} max={1000} defaultValue={failing} autoFocus />
          </Labeled>
          <Labeled
            label="Wait before each answer"
            hint="Seconds, 0 to 60: see how a slow receiver is treated."
          >
            <input name="wait_s" type="number" min={0} max={60} step="any" defaultValue={wait} />
          </Labeled>
        </FormDialog>
      )}
    </div>
  );
}

function answer(answers: InboxAnswers): Promise<unknown> {
  return send('PATCH', '/inbox/answers', answers);
}

function Rows({ rows, chosen }: { rows: readonly ReceivedSummary[]; chosen: number | undefined }): ReactNode {
  return (
    <div className="table-frame">
      <table className="table">
        <thead>
          <tr>
            <th>Event</th>
            <th>Signature</th>
            <th>Answered</th>
            <th className="number">Attempt</th>
            <th>Received</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.number} aria-current={row.number === chosen ? 'true' : undefined}>
              <td>
                <Link to="/inbox" search={{ number: String(row.number) }} replace data-row>
                  {row.event ?? 'unknown'}
                </Link>
              </td>
              <td>
                {row.verified ? (
                  <span className="status good">verified</span>
                ) : (
                  <span className="status bad">not verified</span>
                )}
              </td>
              <td>{row.answered}</td>
              <td className="number">{row.attempt ?? '–'}</td>
              <td>
                <Ago at={row.received_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Nothing({ url }: { url: string }): ReactNode {
  const command = [
    `curl -sS ${new URL('v1/operations', url).href} -H 'Authorization: Bearer rb_YOUR_KEY' \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '${JSON.stringify({ type: 'echo', input: { hello: 'world' }, callback: { url } })}'`,
  ].join('\n');
  return (
    <Empty title="No callback received yet">
      <p>
        Submit an operation that calls back here, by <Link to="/try">Try it</Link> or by
      </p>
      <pre>{command}</pre>
      <Copy text={command} />
    </Empty>
  );
}
