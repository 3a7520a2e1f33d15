import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { TEST_KEY } from '../support/app.js';
import { newDatabase } from '../support/database.js';
import { Service, sharedBy } from '../support/service.js';
import { clusterSchemas } from './cluster-schemas.js';
import { CHART, GOLDEN, helm, kubeconform, notes, template, TOOLS, valuesOf } from './helm.js';

const run = promisify(execFile);
const VERSIONS = ['1.25.0', '1.37.0'];

describe.skipIf(TOOLS === undefined)('The Helm chart, with helm and kubeconform', { timeout: 60_000 }, () => {
  let folder: string;
  const rendered = new Map<string, string>();
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ringback-helm-'));
    await mkdir(join(folder, 'manifests'));
    await Promise.all([
      ...VERSIONS.map((version) => clusterSchemas(TOOLS!, version, join(folder, version))),
      ...[...GOLDEN, 'all-on'].map(async (name) => {
        rendered.set(name, await template(valuesOf(name)));
        await writeFile(join(folder, 'manifests', `${name}.yaml`), rendered.get(name)!);
      }),
    ]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(GOLDEN)('%s: renders as it did, and has nothing that lint objects to', async (name) => {
    await helm('lint', CHART, '--strict', '-f', valuesOf(name));
    await expect(rendered.get(name)).toMatchFileSnapshot(`golden/${name}.yaml`);
  });

  it.each(VERSIONS)(
    'is what a cluster of Kubernetes %s takes, with the operators, whatever is turned on',
    async (version) => {
      expect(await kubeconform(join(folder, version), version, join(folder, 'manifests'))).toBe('');
      expect(rendered.get('all-on')).toContain('kind: HTTPRoute');
      expect(rendered.get('all-on')).toContain('alert: RingbackWorkOverdue');
    },
  );

  it('is refused by kubeconform with a field that no cluster knows, of Kubernetes or of an operator', async () => {
    const wrong = rendered
      .get('keda')!
      .replace('containerPort: 8080', 'containerPorts: 8080')
      .replace('minReplicaCount:', 'minReplicaCounts:');
    const path = join(folder, 'wrong.yaml');
    await writeFile(path, wrong);
    const said = await kubeconform(join(folder, '1.37.0'), '1.37.0', path);
    expect(said).toMatch(/containerPorts/);
    expect(said).toMatch(/minReplicaCounts/);
  });

  const given = ['--set', 'existingSecret=ringback'];
  it.each<[string[], string]>([
    [[], 'DATABASE_URL is missing: name a Secret that has it (existingSecret), or give secrets.DATABASE_URL'],
    [['--set', 'secrets.DATABASE_URL=postgres://h/d'], 'RINGBACK_SECRET_KEYS is missing'],
    [[...given, '--set', 'secrets.DATABASE_URL=x'], 'existingSecret and secrets are both given'],
    [[...given, '--set', 'split=true'], 'must reach the same files'],
    [[...given, '--set', 'single.replicas=2'], 'set files.url to a bucket (s3://BUCKET/PREFIX)'],
    [[...given, '--set', 'keda.enabled=true'], 'keda.serverAddress is missing'],
    [[...given, '--set', 'ingress.enabled=true'], 'ingress.host is missing'],
    [
      [...given, '--set', 'single.terminationGracePeriodSeconds=20'],
      'must be at least drainSeconds + shutdownGraceSeconds + 5 (25)',
    ],
    [[...given, '--set', 'settings.RINGBACK_ROLE=api'], 'RINGBACK_ROLE'],
    [[...given, '--set', 'replicas=2'], 'replicas'],
    [[...given, '--set', 'files.url=https://s3.example.com'], 'files.url'],
  ])('refuses %j, and says what to give', async (args, message) => {
    const keda = args.includes('keda.enabled=true') ? ['--set', 'files.url=s3://b'] : [];
    const refused = helm('template', 'ringback', CHART, ...args, ...keda);
    await expect(refused).rejects.toThrow(message);
  });

  it('gives settings as they were meant, large numbers too, and those of a Deployment before those of all', async () => {
    const args = [
      '--set',
      'settings.RINGBACK_HTTP_BYTES=134217728',
      '--set',
      'settings.RINGBACK_SLOTS=50',
      '--set',
      'single.settings.RINGBACK_SLOTS=60',
    ];
    const manifests = await template(valuesOf('default'), ...args, '-s', 'templates/deployment.yaml');
    expect(manifests).toMatch(/name: RINGBACK_HTTP_BYTES\n +value: "134217728"/);
    expect(manifests).toMatch(/name: RINGBACK_SLOTS\n +value: "60"/);
  });

  it('gives a pod that migrates by itself the time for it to start, as the Job has', async () => {
    const manifests = await template(
      valuesOf('default'),
      ...['--set', 'migrate.enabled=false', '--set', 'migrate.activeDeadlineSeconds=7200'],
      ...['-s', 'templates/deployment.yaml'],
    );
    expect(manifests).toMatch(/startupProbe:\n.*\n +failureThreshold: 3600\n +periodSeconds: 2\n/);
  });

  it('lets the gateway reach its API at the peers that are named, and else at any pod', async () => {
    const policyOf = (values: string): Promise<string> =>
      template(valuesOf(values), '-s', 'templates/networkpolicy.yaml');
    const rule = (peer: string): RegExp =>
      new RegExp(`- to:\\n +- ${peer}\\n +ports:\\n +- { port: 3000, protocol: TCP }`);
    expect(await policyOf('embedded-gateway')).toMatch(rule('namespaceSelector: {}'));
    expect(await policyOf('all-on')).toMatch(rule('podSelector:\\n +matchLabels:\\n +app: my-api'));
  });

  it('tells a curl that works', async () => {
    const text = await notes(valuesOf('default'));
    expect(text).toContain('kubectl -n background port-forward service/ringback 8080:80');
    const [command] = /^ {2}curl [^]*?\n(?=\n)/m.exec(text)!;
    await using service = await Service.start(sharedBy(await newDatabase()));
    const env = { PATH: process.env['PATH'], RB: service.client.url, KEY: TEST_KEY };
    const { stdout } = await run('bash', ['-c', command!], { env });
    expect(JSON.parse(stdout)).toMatchObject({
      type: 'echo',
      status: 'Finished',
      result: { hello: 'world' },
    });
    await expect(text).toMatchFileSnapshot('golden/notes.txt');
  });
});
