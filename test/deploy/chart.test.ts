import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { SETTINGS } from '../../src/config/env.js';
import { App } from '../support/app.js';
import { served } from '../support/routes.js';
import { CHART, GOLDEN, ROOT, valuesOf } from './helm.js';

interface Container {
  name: string;
  env: { name: string; value: string }[];
  securityContext: object;
  volumeMounts: { mountPath: string }[];
  readinessProbe?: { httpGet: { path: string } };
  livenessProbe?: { httpGet: { path: string } };
}
interface Pod {
  containers: Container[];
  terminationGracePeriodSeconds?: number;
}
interface Manifest {
  kind: string;
  metadata: { name: string };
  spec: Pod & { template: { spec: Pod }; egress: { to?: object[]; ports: { port: number }[] }[] };
}

const text = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

async function manifestsOf(name: string): Promise<Manifest[]> {
  const documents = parseAllDocuments(await text(`test/deploy/golden/${name}.yaml`));
  return documents.map((document) => document.toJS() as Manifest | null).filter((it) => it !== null);
}

/** The pods of a golden file, by what makes them. */
async function pods(name: string): Promise<Map<string, Pod>> {
  return new Map(
    (await manifestsOf(name))
      .filter(({ kind }) => ['Deployment', 'Job', 'Pod'].includes(kind))
      .map(({ kind, metadata, spec }) => [
        `${kind} ${metadata.name}`,
        kind === 'Pod' ? spec : spec.template.spec,
      ]),
  );
}

describe('The Helm chart', () => {
  let valid: (values: unknown) => string | null;
  let values: { publicPaths: string[]; networkPolicy: { internalPorts: number[] } };
  beforeAll(async () => {
    values = parse(await text('deploy/helm/ringback/values.yaml')) as typeof values;
    const ajv = new Ajv({ allowUnionTypes: true });
    const check = ajv.compile(JSON.parse(await text('deploy/helm/ringback/values.schema.json')) as object);
    valid = (given) => (check(given) ? null : ajv.errorsText(check.errors));
  });

  it('has the version of the package that it runs', async () => {
    const { version } = JSON.parse(await text('package.json')) as { version: string };
    expect(parse(await text('deploy/helm/ringback/Chart.yaml'))).toMatchObject({
      version,
      appVersion: version,
    });
  });

  it('has a schema that takes its own values and those of all cases, and knows each of its values', async () => {
    expect(valid(values)).toBeNull();
    for (const name of [...GOLDEN, 'all-on'])
      expect(valid(parse(await readFile(valuesOf(name), 'utf8')))).toBeNull();
    const { properties } = JSON.parse(await text('deploy/helm/ringback/values.schema.json')) as {
      properties: object;
    };
    expect(
      Object.keys(properties)
        .filter((name) => name !== 'global')
        .toSorted(),
    ).toEqual(Object.keys(values).toSorted());
  });

  it.each([
    [{ replicas: 2 }, 'must NOT have additional properties'],
    [{ worker: { replica: 2 } }, 'data/worker must NOT have additional properties'],
    [{ settings: { RINGBACK_ROLE: 'api' } }, 'data/settings property name must be valid'],
    [{ settings: { 'RINGBACK-SLOTS': 5 } }, 'data/settings property name must be valid'],
    [{ drainSeconds: '10s' }, 'data/drainSeconds must be integer'],
    [{ keda: { types: [{ queueAgeSeconds: 5 }] } }, "must have required property 'type'"],
  ])('refuses the values %j', (given, why) => {
    expect(valid(given)).toContain(why);
  });

  it('sets only variables that there are, and lets nobody set those that have a value of their own', async () => {
    const templates = await readdir(join(CHART, 'templates'), { recursive: true });
    const texts = await Promise.all(
      templates
        .filter((name) => /\.(yaml|tpl|txt)$/.test(name))
        .map((name) => readFile(join(CHART, 'templates', name), 'utf8')),
    );
    const named = new Set(
      texts.flatMap((all) => all.match(/\b(?:RINGBACK_[A-Z_]+|DATABASE_URL|REDIS_URL)\b/g) ?? []),
    );
    expect([...named].filter((name) => !(name in SETTINGS))).toEqual([]);
    const helpers = await readFile(join(CHART, 'templates/_helpers.tpl'), 'utf8');
    const set = [...helpers.matchAll(/set \$settings "(\w+)"/g)].map(([, name]) => name!);
    const refused = set.filter((name) => valid({ settings: { [name]: 'x' } }) !== null);
    // It depends on what stands in front.
    expect(set.filter((name) => !refused.includes(name))).toEqual(['RINGBACK_CONNECTIONS_PER_ADDRESS']);
  });

  it('passes on every route that callers have, also what OpenAPI leaves out, and nothing that is not there', async () => {
    await using app = await App.start();
    // A wildcard stands for what is below it; the one of the root answers 404.
    const paths = new Set(served(app).map((route) => route.split(' ')[1]!.replace(/\/?\*$/, '')));
    const isIn = (path: string, prefix: string): boolean => path === prefix || path.startsWith(`${prefix}/`);
    const inside = [...paths].filter(
      (path) => path !== '' && !values.publicPaths.some((prefix) => isIn(path, prefix)),
    );
    // Production has no inbox.
    expect(inside.toSorted()).toEqual(['/health/live', '/health/ready', '/inbox', '/metrics']);
    const unserved = values.publicPaths.filter((prefix) => ![...paths].some((path) => isIn(path, prefix)));
    expect(unserved).toEqual([]);
  });

  it.each(GOLDEN)(
    '%s: no pod has rights, a token or variables of Services, and each has folders to write to',
    async (name) => {
      const found = await pods(name);
      expect([...found.keys()]).toContain('Job ringback-migrate');
      for (const pod of found.values()) {
        expect(pod).toMatchObject({
          automountServiceAccountToken: false,
          // RINGBACK_GATEWAY_PORT=tcp://… is what a Service ringback-gateway would set.
          enableServiceLinks: false,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 1000,
            fsGroup: 1000,
            seccompProfile: { type: 'RuntimeDefault' },
          },
        });
        const [container] = pod.containers;
        expect(container!.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(container!.volumeMounts.map(({ mountPath }) => mountPath)).toEqual([
          '/var/lib/ringback',
          '/tmp',
        ]);
      }
    },
  );

  it.each(GOLDEN)(
    '%s: a pod that is told to end has the time for it, and is restarted by liveness alone',
    async (name) => {
      const deployments = [...(await pods(name))].filter(([of]) => of.startsWith('Deployment'));
      expect(deployments.length).toBeGreaterThan(0);
      for (const [, { containers, terminationGracePeriodSeconds }] of deployments) {
        const [{ env, readinessProbe, livenessProbe }] = containers as [Container];
        const seconds = (setting: string): number => Number(env.find((one) => one.name === setting)!.value);
        expect(terminationGracePeriodSeconds).toBeGreaterThan(
          seconds('RINGBACK_DRAIN_S') + seconds('RINGBACK_SHUTDOWN_GRACE_S') + 5,
        );
        expect(livenessProbe!.httpGet.path).toBe('/health/live');
        // A pod that serves requests accepts them whatever becomes of Redis.
        const isWorker = env.find((one) => one.name === 'RINGBACK_ROLE')!.value === 'worker';
        expect(readinessProbe!.httpGet.path).toBe(isWorker ? '/health/ready' : '/health/ready?for=accepting');
      }
    },
  );

  it('opens no port at every address by its network policy, but those of names, PostgreSQL and Redis', async () => {
    for (const name of ['external-secrets', 'embedded-gateway']) {
      const policies = (await manifestsOf(name)).filter(({ kind }) => kind === 'NetworkPolicy');
      expect(policies.length).toBe(1);
      const open = policies[0]!.spec.egress.filter(({ to }) => to === undefined);
      const ports = open.flatMap((rule) => rule.ports.map(({ port }) => port));
      expect(ports.filter((port) => ![53, ...values.networkPolicy.internalPorts].includes(port))).toEqual([]);
    }
  });

  it('parts roles as it is asked to', async () => {
    const roles = async (name: string): Promise<Record<string, string>> =>
      Object.fromEntries(
        [...(await pods(name))]
          .filter(([of]) => of.startsWith('Deployment'))
          .map(([of, { containers }]) => [
            of.replace('Deployment ', ''),
            containers[0]!.env.find((one) => one.name === 'RINGBACK_ROLE')!.value,
          ]),
      );
    expect(await roles('default')).toEqual({ ringback: 'all' });
    expect(await roles('embedded-gateway')).toEqual({ ringback: 'all' });
    expect(await roles('keda')).toEqual({ 'ringback-api': 'api', 'ringback-worker': 'worker' });
    expect(await roles('split-roles')).toEqual({
      'ringback-api': 'api',
      'ringback-worker': 'worker',
      'ringback-gateway': 'gateway',
    });
  });
});
