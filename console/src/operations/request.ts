import { queryOptions } from '@tanstack/react-query';
import { get, type Query } from '../api.js';
import type { OperationRequestResponse } from '../api-types.js';

/** What was asked for, without what is secret in it; kept as long as the result. */
export function requestQuery(id: string, account: Query) {
  return queryOptions({
    queryKey: ['operation-request', id, account],
    queryFn: ({ signal }) =>
      get<OperationRequestResponse>(`/v1/operations/${encodeURIComponent(id)}/request`, account, signal),
    staleTime: Infinity,
    retry: false,
  });
}

/** The same submit, for a shell; secrets stand as `…`, to be filled in. */
export function asCurl(request: OperationRequestResponse, base: string): string {
  const { type, input, callback, correlation, priority, timeout_s, retention } = request;
  const body = {
    type,
    input,
    ...(callback === null ? {} : { callback: { url: callback.url, ...headersOf(callback) } }),
    ...(correlation === null ? {} : { correlation }),
    ...(priority === 0 ? {} : { priority }),
    timeout_s,
    retention,
  };
  return [
    `curl -sS ${quoted(`${base}/v1/operations`)} \\`,
    `  -H "Authorization: Bearer $RINGBACK_API_KEY" -H 'Content-Type: application/json' \\`,
    `  -d ${quoted(JSON.stringify(body))}`,
  ].join('\n');
}

function headersOf({ headers }: { readonly headers: readonly { readonly key: string }[] }) {
  return headers.length === 0 ? {} : { headers: headers.map(({ key }) => ({ key, value: '…' })) };
}

/** A word for POSIX shells, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
