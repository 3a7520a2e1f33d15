/** Below these, handlers read a URL or a name of the caller's byte for byte, from the target as it came. */
const READ_RAW =
  /^((?:https?:\/\/[^/?#]*)?\/qstash\/v2\/(?:publish|enqueue|schedules|flowControl)\/)([^?#]*)(.*)$/is;

/**
 * The target that a request is routed by. What the router would refuse, though the handler takes it, is escaped once more: escapes
 * that are no UTF-8 (`caf%E9`), none at all (`100%`), and NUL.
 */
export function routable(target: string): string {
  const found = target.includes('%') && READ_RAW.exec(target);
  if (!found) return target;
  const [, before = '', path = '', rest = ''] = found;
  return before + (isRoutable(path) ? path : path.replaceAll('%', '%25')) + rest.replaceAll('%00', '%2500');
}

function isRoutable(path: string): boolean {
  try {
    return !decodeURI(path).includes('\0');
  } catch {
    return false;
  }
}
