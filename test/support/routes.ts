import type { App } from './app.js';

/** `METHOD /path/{parameter}` of every route that the server itself knows. */
export function served(running: App): string[] {
  const routes: string[] = [];
  const lines = running.nest.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false }).split('\n');
  const prefixes: string[] = [];
  for (const line of lines) {
    const match = /^([│ ]*)[├└]── (\S+)(?: \(([A-Z, ]+)\))?/.exec(line);
    if (!match) continue;
    const depth = match[1]!.length / 4;
    prefixes[depth] = match[2]!;
    const path = prefixes
      .slice(0, depth + 1)
      .join('')
      .replaceAll(/:(\w+)/g, '{$1}');
    for (const method of match[3]?.split(', ') ?? [])
      if (method !== 'HEAD' && method !== 'OPTIONS') routes.push(`${method} ${path}`);
  }
  return routes.filter((route) => !route.endsWith('/'));
}
