import { type ReactNode, useEffect, useMemo, useRef } from 'react';
import { Link, Outlet, useMatches, useNavigate } from '@tanstack/react-router';
import { AccountChoice } from './account-choice.js';
import { KeysDialog } from './keys-dialog.js';
import { moveRow, selectRow, useKeys } from './keyboard.js';
import { SearchDialog } from './search-dialog.js';
import { useLogout, useMay, useSession } from './session.js';
import { THEMES, useTheme } from './theme.js';
import { Away } from './ui/away.js';
import { Mark } from './ui/mark.js';

/** The frame of all screens: where to go, whose rows are shown, and the keys that work everywhere. */
export function Layout(): ReactNode {
  const search = useRef<HTMLDialogElement>(null);
  const help = useRef<HTMLDialogElement>(null);
  const navigate = useNavigate();
  const keys = useMemo(
    () => ({
      '/': () => search.current?.showModal(),
      '?': () => help.current?.showModal(),
      j: () => moveRow(1),
      k: () => moveRow(-1),
      x: selectRow,
      'g v': () => void navigate({ to: '/' }),
      'g o': () => void navigate({ to: '/operations' }),
      'g d': () => void navigate({ to: '/deliveries' }),
      'g e': () => void navigate({ to: '/endpoints' }),
      'g s': () => void navigate({ to: '/schedules' }),
      'g t': () => void navigate({ to: '/try' }),
    }),
    [navigate],
  );
  useKeys(keys);
  useTitle();
  return (
    <div className="layout">
      <a className="skip" href="#main">
        To the content
      </a>
      <header className="side">
        <Link to="/" className="brand">
          <Mark /> Ringback
        </Link>
        <button type="button" className="find" onClick={() => search.current?.showModal()}>
          Find by id <kbd>/</kbd>
        </button>
        <Nav />
        <Person onHelp={() => help.current?.showModal()} />
      </header>
      <main id="main" tabIndex={-1}>
        <Away />
        <Outlet />
      </main>
      <SearchDialog dialog={search} />
      <KeysDialog dialog={help} />
    </div>
  );
}

const TITLES: Readonly<Record<string, string>> = {
  '/operations': 'Operations',
  '/operations/$id': 'Operation',
  '/deliveries': 'Deliveries',
  '/deliveries/$id': 'Delivery',
  '/endpoints': 'Endpoints',
  '/endpoints/$id': 'Endpoint',
  '/schedules': 'Schedules',
  '/schedules/$id': 'Schedule',
  '/accounts': 'Accounts',
  '/accounts/$id': 'Account',
  '/audit': 'Audit',
  '/try': 'Try it',
  '/inbox': 'Inbox',
};

/** Tells tabs apart, and says to who hears a page where they are. */
function useTitle(): void {
  const title = useMatches({ select: (matches) => TITLES[matches.at(-1)?.fullPath ?? ''] });
  useEffect(() => {
    document.title = title === undefined ? 'Ringback' : `${title} · Ringback`;
  }, [title]);
}

function Nav(): ReactNode {
  const isAdmin = useMay('admin');
  const mayKeys = useMay('keys:write');
  const { account, inbox } = useSession();
  return (
    <nav aria-label="Screens">
      <Link to="/" activeOptions={{ exact: true, includeSearch: false }}>
        Overview
      </Link>
      <Link to="/operations" activeOptions={{ includeSearch: false }}>
        Operations
      </Link>
      <Link to="/deliveries" activeOptions={{ includeSearch: false }}>
        Deliveries
      </Link>
      <Link to="/endpoints" activeOptions={{ includeSearch: false }}>
        Endpoints
      </Link>
      <Link to="/schedules" activeOptions={{ includeSearch: false }}>
        Schedules
      </Link>
      <Link to="/try" activeOptions={{ includeSearch: false }}>
        Try it
      </Link>
      {inbox && (
        <Link to="/inbox" activeOptions={{ includeSearch: false }}>
          Inbox
        </Link>
      )}
      {!isAdmin && mayKeys && (
        <Link to="/accounts/$id" params={{ id: account.id }} activeOptions={{ includeSearch: false }}>
          Keys
        </Link>
      )}
      {isAdmin && (
        <>
          <Link to="/accounts" activeOptions={{ includeSearch: false }}>
            Accounts
          </Link>
          <Link to="/audit" activeOptions={{ includeSearch: false }}>
            Audit
          </Link>
        </>
      )}
    </nav>
  );
}

function Person({ onHelp }: { onHelp: () => void }): ReactNode {
  const { account, key } = useSession();
  const isAdmin = useMay('admin');
  const [theme, setTheme] = useTheme();
  const logout = useLogout();
  return (
    <div className="person">
      {isAdmin ? <AccountChoice /> : <strong>{account.name}</strong>}
      <p className="quiet" title={key.id}>
        Key: {key.name}
      </p>
      <div className="person-buttons">
        <select
          aria-label="Theme"
          value={theme}
          onChange={(event) => setTheme(THEMES.find((name) => name === event.target.value)!)}
        >
          <option value="system">System theme</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </select>
        <button type="button" className="button small" onClick={onHelp} aria-label="Keys">
          ?
        </button>
        <button type="button" className="button small" onClick={() => void logout()}>
          Log out
        </button>
      </div>
    </div>
  );
}
