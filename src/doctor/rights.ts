import { rightsOf } from '../database/rights.js';
import { type Check, green, red } from './finding.js';
import type { WithDatabase } from './surroundings.js';

/** What the user may do in its schema and with its tables. */
export const rights: Check<WithDatabase> = {
  name: 'rights',
  run: async ({ database }) => {
    const { role, schema, lacking } = await rightsOf(database);
    return lacking.length > 0
      ? lacking.map(red)
      : [green(`the user ${role} may do what is needed in the schema ${schema}`)];
  },
};
