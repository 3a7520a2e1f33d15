import { type ReactNode, useState } from 'react';
import { type Query, send } from '../api.js';
import type { AttemptResponse } from '../api-types.js';
import { BodyView } from '../body-view.js';
import { Action } from '../ui/action.js';
import { Dialog } from '../ui/dialog.js';
import { Status } from '../ui/status.js';
import { span } from '../words.js';

/** Sends a signed sample, and shows what the receiver made of it. */
export function TestButton({
  id,
  query,
  isDisabled,
}: {
  id: string;
  query: Query;
  isDisabled: boolean;
}): ReactNode {
  const [attempt, show] = useState<AttemptResponse>();
  return (
    <>
      <Action
        label="Send a test"
        disabled={isDisabled}
        title={
          isDisabled ? 'Enable it first' : 'A signed endpoint.test, once: it tells nothing of its health'
        }
        run={async () =>
          show(await send<AttemptResponse>('POST', `/v1/endpoints/${id}/test`, undefined, query))
        }
      />
      {attempt && (
        <Dialog title="The test" wide onClose={() => show(undefined)}>
          <p>
            <Status of={attempt.outcome} />{' '}
            {[
              attempt.http_status === null ? null : `HTTP ${attempt.http_status}`,
              attempt.error,
              attempt.duration_ms === null ? null : `in ${span(attempt.duration_ms)}`,
            ]
              .filter((part) => part !== null)
              .join(', ')}
          </p>
          {attempt.response_body !== null && attempt.response_body !== '' && (
            <BodyView label="response body" body={attempt.response_body} />
          )}
          <form method="dialog" className="dialog-buttons">
            <button className="button primary" autoFocus>
              Done
            </button>
          </form>
        </Dialog>
      )}
    </>
  );
}
