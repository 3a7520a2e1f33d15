import type { OperationOutcome } from '../run/operation-type.js';

/** What an operation ends with whose response is kept in a file; `text` is there where it is small and text. */
export function outcomeOf(
  status: number,
  contentType: string,
  file: string,
  text: string | undefined,
): OperationOutcome {
  const body = inlineBody(text, contentType);
  return {
    file,
    result: { status, content_type: contentType, ...(body === undefined ? {} : { body }), file },
  };
}

function inlineBody(text: string | undefined, contentType: string): unknown {
  if (text === undefined || !/json/i.test(contentType)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
