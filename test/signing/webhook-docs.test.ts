import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';
import { newSigningSecret, signStandard } from '../../src/signing/signature.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/webhooks.md'), 'utf8');
// Within the project, so that the snippets find its packages.
const cache = join(root, 'node_modules/.cache');
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, 'webhook-docs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const secret = newSigningSecret();
const signed = { id: 'dlv_1', timestamp: Math.floor(Date.now() / 1000), body: '{"type":"Zoë 💩"}' };
const headers = {
  'webhook-id': signed.id,
  'webhook-timestamp': String(signed.timestamp),
  'webhook-signature': signStandard({ ...signed, secrets: [newSigningSecret(), secret] }),
};
const env = {
  ...process.env,
  RINGBACK_SIGNING_SECRET: secret,
  ID: signed.id,
  TIMESTAMP: headers['webhook-timestamp'],
  SIGNATURES: headers['webhook-signature'],
  // Go compiles with a cache; the home folder of a build machine may not be writable.
  GOCACHE: process.env.GOCACHE ?? join(cache, 'go'),
};

/** The one snippet of a language that contains a text. */
function snippet(language: string, containing: string): string {
  const all = [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(
    ([, code]) => code!,
  );
  const found = all.filter((code) => code.includes(containing));
  expect(found, `${language} with ${containing}`).toHaveLength(1);
  return found[0]!;
}

function replaced(code: string, what: string | RegExp, by: string): string {
  const changed = code.replace(what, () => by);
  expect(changed).not.toBe(code);
  return changed;
}

function write(name: string, code: string): string {
  const path = join(folder, name);
  writeFileSync(path, code);
  return path;
}

const has = (tool: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' }).status === 0;

/** The program takes the signed body, and not a changed one. */
function expectVerifies(command: string, ...parameters: string[]): void {
  const run = (input: string) => spawnSync(command, parameters, { input, env, encoding: 'utf8' });
  const good = run(signed.body);
  expect(good.status, good.stderr).toBe(0);
  const bad = run(`${signed.body} `);
  expect(bad.status, bad.stderr).toBe(1);
}

async function expectServes(code: string): Promise<void> {
  const told = replaced(
    code,
    '.listen(9000)',
    `.listen(0, '127.0.0.1', function () { console.log(this.address().port) })`,
  );
  const child = spawn(process.execPath, [write('receiver.mjs', javascript(told))], { env });
  try {
    const port = await new Promise<string>((resolve, reject) => {
      let errors = '';
      child.stdout.once('data', (data: Buffer) => resolve(data.toString().trim()));
      child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
      child.once('exit', () => reject(new Error(errors)));
    });
    const post = async (body: string) =>
      (await fetch(`http://127.0.0.1:${port}`, { method: 'POST', headers, body })).status;
    expect(await post(signed.body)).toBe(204);
    expect(await post(`${signed.body} `)).toBe(401);
  } finally {
    child.kill();
  }
}

function javascript(code: string): string {
  return ts.transpileModule(code, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
  }).outputText;
}

describe('The snippet of docs/webhooks.md that verifies in', () => {
  it('TypeScript with ringback/verify', async () => {
    write('verify.mjs', javascript(readFileSync(join(root, 'src/verify.ts'), 'utf8')));
    await expectServes(
      replaced(snippet('ts', "from 'ringback/verify'"), "'ringback/verify'", "'./verify.mjs'"),
    );
  });

  it('TypeScript with standardwebhooks', () => expectServes(snippet('ts', "from 'standardwebhooks'")));

  it.runIf(has('python3'))('Python', () => {
    const driver =
      'import sys\nh = {"webhook-" + n: os.environ[e] for n, e in (("id", "ID"), ("timestamp", "TIMESTAMP"), ("signature", "SIGNATURES"))}\nsys.exit(0 if verified(h, sys.stdin.buffer.read()) else 1)\n';
    expectVerifies(
      'python3',
      write('receiver.py', replaced(snippet('python', 'hmac'), /^HTTPServer\(.*$/m, driver)),
    );
  });

  it.runIf(has('openssl'))('openssl', () => {
    const code = snippet('sh', 'openssl dgst');
    const script = `id=$ID timestamp=$TIMESTAMP SECRET=$RINGBACK_SIGNING_SECRET; cd "$(dirname "$0")"; cat > body.json\nmac=$(\n${code})\ncase " $SIGNATURES " in *" v1,$mac "*) exit 0;; esac; exit 1\n`;
    expectVerifies('sh', write('openssl.sh', script));
  });

  it.runIf(has('go'))('Go', { timeout: 120_000 }, () => {
    const driver =
      'package main\nimport ("io"; "os")\nfunc main() {\nbody, _ := io.ReadAll(os.Stdin)\nif !verified(os.Getenv("RINGBACK_SIGNING_SECRET"), os.Getenv("ID"), os.Getenv("TIMESTAMP"), os.Getenv("SIGNATURES"), body) { os.Exit(1) }\n}\n';
    expectVerifies('go', 'run', write('main.go', driver), write('verified.go', snippet('go', 'hmac')));
  });

  it.runIf(has('javac'))('Java', { timeout: 60_000 }, () => {
    const driver =
      'class Main { public static void main(String[] a) throws Exception { var e = System.getenv(); System.exit(Callbacks.verified(e.get("RINGBACK_SIGNING_SECRET"), e.get("ID"), e.get("TIMESTAMP"), e.get("SIGNATURES"), System.in.readAllBytes()) ? 0 : 1); } }\nfinal class Callbacks';
    expectVerifies(
      'java',
      write('Main.java', replaced(snippet('java', 'Mac'), 'final class Callbacks', driver)),
    );
  });

  it.runIf(has('php'))('PHP', () => {
    const driver =
      "exit(verified(getenv('RINGBACK_SIGNING_SECRET'), getenv('ID'), getenv('TIMESTAMP'), getenv('SIGNATURES'), file_get_contents('php://stdin')) ? 0 : 1);\n";
    expectVerifies('php', write('verified.php', snippet('php', 'hash_hmac') + driver));
  });

  it.runIf(has('ruby'))('Ruby', () => {
    const driver =
      'exit(verified(*ENV.values_at("RINGBACK_SIGNING_SECRET", "ID", "TIMESTAMP", "SIGNATURES"), STDIN.binmode.read) ? 0 : 1)\n';
    expectVerifies('ruby', write('verified.rb', snippet('ruby', 'HMAC') + driver));
  });
});
