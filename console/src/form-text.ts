/** What was typed into a field of a form, without space around it. */
export function typed(given: FormData, name: string): string {
  const value = given.get(name);
  return typeof value === 'string' ? value.trim() : '';
}
