import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { App } from '../support/app.js';
import { Receiver } from '../support/receiver.js';
import { ROOT, TOOLS } from './helm.js';

const run = promisify(execFile);
const PROMETHEUS = join(ROOT, 'deploy/prometheus');

interface Rule {
  alert: string;
  expr: string;
  annotations: { runbook: string };
}
interface RuleTest {
  alert_rule_test: { alertname: string; exp_alerts?: object[] }[];
}
interface Panel {
  title: string;
  targets?: { expr: string }[];
}

let scrape: string;
let rules: Rule[];
let queries: string[];
beforeAll(async () => {
  const read = (path: string): Promise<string> => readFile(join(ROOT, 'deploy', path), 'utf8');
  const file = parse(await read('prometheus/rules.yaml')) as { groups: { rules: Rule[] }[] };
  rules = file.groups.flatMap((group) => group.rules);
  const dashboard = JSON.parse(await read('grafana/ringback.json')) as { panels: Panel[] };
  queries = dashboard.panels.flatMap(({ targets }) => (targets ?? []).map(({ expr }) => expr));
  await using receiver = await Receiver.answering(200);
  await using app = await App.start();
  const { id } = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
  await app.client.ended(id);
  // Not `expect.poll`, which hooks of a whole file may not use.
  await vi.waitUntil(async () => (await app.client.deliveries(id))[0]?.status === 'Delivered', 10_000);
  scrape = (await app.client.get('/metrics')).text;
}, 60_000);

/** The names of metrics in a query: what isn't followed by a parenthesis, nor a label or a value of one. */
function metricsIn(query: string): string[] {
  return query.match(/\b(?:ringback|nodejs|process)_\w+/g) ?? [];
}

describe('Dashboard and alarms', () => {
  it('ask only for metrics that a service has', () => {
    const known = new Set(scrape.split('\n').flatMap((line) => /^[a-z]\w+/.exec(line)?.[0] ?? []));
    const asked = [...queries, ...rules.map(({ expr }) => expr)].flatMap(metricsIn);
    expect(asked.length).toBeGreaterThan(40);
    expect(asked.filter((name) => !known.has(name))).toEqual([]);
  });

  it('ask for labels and values that there are', () => {
    // Those of a scrape are Prometheus' own.
    const labels = new Set([...scrape.matchAll(/[{,](\w+)="/g)].map(([, label]) => label!));
    for (const label of ['namespace', 'job']) labels.add(label);
    const matched = [...queries, ...rules.map(({ expr }) => expr)].flatMap((query) =>
      [...query.matchAll(/(\w+)(?:=~|!=|=)"([^"]*)"/g)].map(([, label]) => label!),
    );
    expect([...new Set(matched)].filter((label) => !labels.has(label))).toEqual([]);
    for (const label of ['check="queue"', 'state="Exhausted"', 'outcome="delivered"'])
      expect(scrape).toContain(label);
  });

  it('show every metric of Ringback', () => {
    const metrics = [...scrape.matchAll(/^# TYPE (ringback_\w+)/gm)].map(([, name]) => name!);
    const shown = queries.join(' ');
    expect(metrics.filter((name) => !shown.includes(name))).toEqual([]);
  });

  it('are in docs/operating.md, with what to do', async () => {
    const page = await readFile(join(ROOT, 'docs/operating.md'), 'utf8');
    const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      title!
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    );
    for (const { alert, annotations } of rules) {
      expect(page).toContain(`\`${alert}\``);
      expect(anchors).toContain(annotations.runbook.replace('docs/operating.md#', ''));
    }
  });

  it('have a test that each alarm sounds, and one that it does not', async () => {
    const { tests } = parse(await readFile(join(PROMETHEUS, 'rules.test.yaml'), 'utf8')) as {
      tests: RuleTest[];
    };
    const expectations = tests.flatMap((test) => test.alert_rule_test);
    for (const { alert } of rules) {
      const sounds = expectations
        .filter(({ alertname }) => alertname === alert)
        .map(({ exp_alerts }) => exp_alerts !== undefined);
      expect([alert, sounds.includes(true), sounds.includes(false)]).toEqual([alert, true, true]);
    }
  });
});

/** The one of the tools, else the system's. */
const promtool =
  TOOLS !== undefined && spawnSync(join(TOOLS, 'bin/promtool'), ['--version']).status === 0
    ? join(TOOLS, 'bin/promtool')
    : 'promtool';

describe.skipIf(spawnSync(promtool, ['--version']).status !== 0)(
  'Dashboard and alarms, with promtool',
  () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'ringback-promtool-'));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    it('are rules that Prometheus takes, and sound where they must', async () => {
      const checked = await run(promtool, ['check', 'rules', '--lint-fatal', join(PROMETHEUS, 'rules.yaml')]);
      expect(checked.stdout).toContain(`SUCCESS: ${rules.length} rules found`);
      const tested = await run(promtool, ['test', 'rules', 'rules.test.yaml'], { cwd: PROMETHEUS });
      expect(tested.stdout).toContain('SUCCESS');
    });

    it('are queries that Prometheus takes', async () => {
      const path = join(folder, 'queries.yaml');
      const asRules = queries.map((query, place) => ({
        record: `q${place}`,
        expr: query.replaceAll('$__rate_interval', '5m'),
      }));
      await writeFile(path, JSON.stringify({ groups: [{ name: 'dashboard', rules: asRules }] }));
      const { stdout } = await run(promtool, ['check', 'rules', path]);
      expect(stdout).toContain(`SUCCESS: ${queries.length} rules found`);
    });

    it('stand on metrics whose names and texts are as Prometheus asks for', async () => {
      const path = join(folder, 'metrics.txt');
      await writeFile(path, scrape);
      const { stdout, stderr } = await run('bash', [
        '-c',
        '"$1" check metrics < "$2"',
        'bash',
        promtool,
        path,
      ]).catch((error: { stdout: string; stderr: string }) => error);
      // Those of the library are its own.
      const ours = `${stdout}${stderr}`
        .split('\n')
        .filter((line) => line !== '' && !/^(nodejs|process)_/.test(line));
      expect(ours).toEqual([]);
    });
  },
);
