/** A file's id as this face says it: 32 hex digits. Its inputs take both forms, as files are found by both. */
export function tokenOf(fileId: string): string {
  return fileId.replace(/^file_/, '');
}

/** JSON, or a text for people, in which every quoted id of a file is its token. */
export function withTokens(json: string): string {
  // A quote after a backslash is inside a longer string.
  return json.replace(/(?<!\\)"file_([0-9a-f]{32})"/g, '"$1"');
}
