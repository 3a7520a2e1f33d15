import { type FormEvent, type ReactNode, useState } from 'react';
import { useLogin } from './session.js';
import { Mark } from './ui/mark.js';
import { Problem } from './ui/problem.js';

/** Asks for an API key; the page keeps none: a cookie that scripts can't read stands for it. */
export function Login({ failure }: { failure: unknown }): ReactNode {
  const login = useLogin();
  const [key, setKey] = useState('');
  const [error, setError] = useState<unknown>(failure);
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setError(null);
    await login({ key: key.trim() }).catch(setError);
    setBusy(false);
  }

  return (
    <main className="login">
      <form onSubmit={(event) => void submit(event)} className="login-form">
        <h1>
          <Mark /> Ringback
        </h1>
        <label htmlFor="key">API key</label>
        <input
          id="key"
          name="key"
          type="password"
          autoComplete="current-password"
          placeholder="rb_…"
          required
          value={key}
          onChange={({ target }) => setKey(target.value)}
          autoFocus
          spellCheck={false}
          className="mono"
        />
        <button type="submit" className="button primary" disabled={busy}>
          {busy ? 'Logging in …' : 'Log in'}
        </button>
        <Problem error={error} />
        <p className="quiet">
          The first key was printed when the service started for the first time, beside a link that logs in
          without it. A key shows what its scopes allow; one with <code>admin</code> shows all accounts.
        </p>
      </form>
    </main>
  );
}
