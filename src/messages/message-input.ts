import type { FieldError } from '../config/validation.js';
import type { UrlPolicy } from '../egress/url-policy.js';
import { shownUrl } from '../signing/sealed-destination.js';
import type { Message } from './message.js';

/** What is shown of a URL of messages: it without its query. */
export { shownUrl };

/** What the policy has against URLs, by the names of their fields in the input. */
export function urlFaults(
  policy: UrlPolicy,
  urls: Readonly<Record<string, string | undefined>>,
): FieldError[] {
  return Object.entries(urls).flatMap(([name, given]) => {
    const checked = given === undefined ? null : policy.check(given);
    return checked === null || checked.accepted ? [] : [{ path: `input.${name}`, message: checked.reason }];
  });
}

/** What is stored sealed of a message: queries and headers often hold a token, and the body of a callback repeats its source's. */
export function concealMessage(message: Message, bodies: boolean): { shown: object; sealed: object } {
  const { url, headers, body, bodyBase64, callback, failureCallback, ...shown } = message;
  const isSealed = bodies || shown.redact?.body === true || shown.sourceMessageId !== undefined;
  const content = JSON.parse(JSON.stringify({ body, bodyBase64 })) as object;
  return {
    shown: { ...shown, url: shownUrl(url), ...(isSealed ? {} : content) },
    sealed: { url, headers, callback, failureCallback, ...(isSealed ? content : {}) },
  };
}
