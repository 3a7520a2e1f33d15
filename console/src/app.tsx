import { type ReactNode, useEffect, useState } from 'react';
import { useQuery } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { Login } from './login.js';
import { router } from './router.js';
import { sessionQuery, useLogin } from './session.js';
import { Away } from './ui/away.js';

/** The screens for who has logged in, the login for everybody else; the address stays as it is. */
export function App(): ReactNode {
  const { token, failure } = useLoginLink();
  const { data: session, isPending, error } = useQuery({ ...sessionQuery, enabled: token === null });
  if (session) return <RouterProvider router={router} />;
  if (token !== null || isPending) return <Away />;
  return (
    <>
      <Away />
      <Login failure={failure ?? error} />
    </>
  );
}

const LINK = /^#login=(.+)$/;

/** Logs in by the link that the service printed, `…/console/#login=…`, whose secret then leaves the address. */
function useLoginLink(): { token: string | null; failure: unknown } {
  const [token, setToken] = useState(() => LINK.exec(location.hash)?.[1] ?? null);
  const [failure, setFailure] = useState<unknown>(null);
  const login = useLogin();
  useEffect(() => {
    if (token === null) return;
    history.replaceState(history.state, '', location.pathname + location.search);
    login({ login: decodeURIComponent(token) })
      .catch(setFailure)
      .finally(() => setToken(null));
    // Once: a link can be used once.
  }, [token]);
  return { token, failure };
}
