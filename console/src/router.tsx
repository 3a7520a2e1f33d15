import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  retainSearchParams,
} from '@tanstack/react-router';
import { Layout } from './layout.js';
import { MOUNT } from './mount.js';
import { Failed, NotFound } from './screens/failed.js';
import { DELIVERY_FILTERS, only, OPERATION_FILTERS, parseSearch, stringifySearch } from './search.js';

const root = createRootRoute({
  component: Layout,
  validateSearch: only(['account']),
  // Whose rows an administrator looks at stays chosen from screen to screen.
  search: { middlewares: [retainSearchParams(['account'])] },
});

const overview = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: lazyRouteComponent(() => import('./screens/overview.js'), 'Overview'),
});

const operations = createRoute({
  getParentRoute: () => root,
  path: '/operations',
  validateSearch: only(OPERATION_FILTERS),
  component: lazyRouteComponent(() => import('./screens/operations.js'), 'Operations'),
});

const operation = createRoute({
  getParentRoute: () => root,
  path: '/operations/$id',
  component: lazyRouteComponent(() => import('./screens/operation.js'), 'Operation'),
});

const deliveries = createRoute({
  getParentRoute: () => root,
  path: '/deliveries',
  validateSearch: only([...DELIVERY_FILTERS, 'view']),
  component: lazyRouteComponent(() => import('./screens/deliveries.js'), 'Deliveries'),
});

const delivery = createRoute({
  getParentRoute: () => root,
  path: '/deliveries/$id',
  validateSearch: only(['attempt']),
  component: lazyRouteComponent(() => import('./screens/delivery.js'), 'Delivery'),
});

const endpoints = createRoute({
  getParentRoute: () => root,
  path: '/endpoints',
  component: lazyRouteComponent(() => import('./screens/endpoints.js'), 'Endpoints'),
});

const endpoint = createRoute({
  getParentRoute: () => root,
  path: '/endpoints/$id',
  component: lazyRouteComponent(() => import('./screens/endpoint.js'), 'Endpoint'),
});

const schedules = createRoute({
  getParentRoute: () => root,
  path: '/schedules',
  component: lazyRouteComponent(() => import('./screens/schedules.js'), 'Schedules'),
});

const schedule = createRoute({
  getParentRoute: () => root,
  path: '/schedules/$id',
  component: lazyRouteComponent(() => import('./screens/schedule.js'), 'Schedule'),
});

const accounts = createRoute({
  getParentRoute: () => root,
  path: '/accounts',
  component: lazyRouteComponent(() => import('./screens/accounts.js'), 'Accounts'),
});

const account = createRoute({
  getParentRoute: () => root,
  path: '/accounts/$id',
  component: lazyRouteComponent(() => import('./screens/account.js'), 'Account'),
});

const audit = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  validateSearch: only(['actor', 'action', 'since', 'until']),
  component: lazyRouteComponent(() => import('./screens/audit.js'), 'AuditLog'),
});

const tryIt = createRoute({
  getParentRoute: () => root,
  path: '/try',
  validateSearch: only(['type']),
  component: lazyRouteComponent(() => import('./screens/try-it.js'), 'TryIt'),
});

const inbox = createRoute({
  getParentRoute: () => root,
  path: '/inbox',
  validateSearch: only(['number']),
  component: lazyRouteComponent(() => import('./screens/inbox.js'), 'Inbox'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    overview,
    operations,
    operation,
    deliveries,
    delivery,
    endpoints,
    endpoint,
    schedules,
    schedule,
    accounts,
    account,
    audit,
    tryIt,
    inbox,
  ]),
  basepath: MOUNT.pathname,
  parseSearch,
  stringifySearch,
  scrollRestoration: true,
  defaultPreload: 'intent',
  defaultErrorComponent: Failed,
  defaultNotFoundComponent: NotFound,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
