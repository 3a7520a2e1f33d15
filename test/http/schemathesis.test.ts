import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { TEST_KEY } from '../support/app.js';
import { newDatabase } from '../support/database.js';
import { Service, sharedBy } from '../support/service.js';

/** A Python environment with what test/http/schemathesis/requirements.txt names: see CONTRIBUTING.md. */
const SCHEMATHESIS = process.env.RINGBACK_TEST_SCHEMATHESIS;
if (!SCHEMATHESIS)
  console.info('Requests made from the OpenAPI document are left out: CONTRIBUTING.md says how to run them.');
const SECONDS = 60;

it.skipIf(!SCHEMATHESIS)(
  'every request that Schemathesis makes of the OpenAPI document has an answer that the document knows, and no 5xx',
  { timeout: 4 * SECONDS * 1000 },
  async () => {
    await using service = await Service.start({
      ...sharedBy(await newDatabase()),
      // It says as often as it likes what a client may say once.
      RINGBACK_TRM_REQUESTS_PER_HOUR: '10000000',
      RINGBACK_NEW_HOSTS_PER_MINUTE: '1000000',
      // Nothing that it makes up is called.
      RINGBACK_HTTP_HOSTS: '127.0.0.1',
    });
    const checks = 'not_a_server_error,status_code_conformance';
    const args = [
      ...['run', `${service.client.url}/openapi.json`, '-H', `Authorization: Bearer ${TEST_KEY}`],
      ...['-c', checks, '--phases', 'examples,coverage,fuzzing', '--continue-on-failure'],
      ...['--max-time', String(SECONDS), '--seed', '1', '-w', '1', '--no-color'],
    ];
    const said = await promisify(execFile)(join(SCHEMATHESIS!, 'bin/st'), args, {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      cwd: join(SCHEMATHESIS!),
    }).then(
      ({ stdout }) => ({ ok: true, text: stdout }),
      (error: Error & { stdout: string }) => ({ ok: false, text: `${error.message}\n${error.stdout}` }),
    );
    expect(said.ok, said.text).toBe(true);
    // Whole: no operation of the document was left out.
    const [, selected, total] = /Operations:\s+(\d+) selected \/ (\d+) total/.exec(said.text) ?? [];
    expect(Number(selected)).toBeGreaterThan(50);
    expect(selected).toBe(total);
  },
);
