/** Filters as the address has them: plain strings, under the names of the API's own query, so that links can be read. */

export function parseSearch(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text));
}

export function stringifySearch(search: Record<string, unknown>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(search))
    if (typeof value === 'string' && value !== '') given.set(name, value);
  // Commas part several values and colons parts of times: both are allowed there as they are (RFC 3986, 3.4).
  const text = given.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
  return text === '' ? '' : `?${text}`;
}

/** Only what a screen knows, so that an old or mistyped link still opens it. */
export function only<const Name extends string>(names: readonly Name[]) {
  return (search: Record<string, unknown>): { [name in Name]?: string } =>
    Object.fromEntries(
      names.flatMap((name) => {
        const value = search[name];
        return typeof value === 'string' && value !== '' ? [[name, value] as const] : [];
      }),
    ) as { [name in Name]?: string };
}

export const OPERATION_FILTERS = [
  'status',
  'type',
  'callback_state',
  'error_code',
  'origin',
  'correlation',
  'request_id',
  'schedule',
  'flow',
  'created_after',
  'created_before',
  'finished_after',
  'finished_before',
  'undelivered',
] as const;

export const DELIVERY_FILTERS = [
  'status',
  'origin',
  'error',
  'event',
  'endpoint',
  'operation',
  'since',
  'until',
] as const;

export type OperationSearch = { [name in (typeof OPERATION_FILTERS)[number]]?: string };
export type DeliverySearch = { [name in (typeof DELIVERY_FILTERS)[number] | 'view']?: string };

/** The filters in an address, without what else is in it. */
export const operationFilterOf = only(OPERATION_FILTERS);
export const deliveryFilterOf = only(DELIVERY_FILTERS);
