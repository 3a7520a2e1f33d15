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
            <Status of={attempt.outcome} /> {sentenceOf(attempt)}
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

/** An error of an answer names its status itself. */
function sentenceOf({ http_status: status, error, duration_ms: ms }: AttemptResponse): string {
  const what = error ?? (status === null ? 'no answer' : `HTTP ${status}`);
  return ms === null ? what : `${what}, in ${span(ms)}`;
}
