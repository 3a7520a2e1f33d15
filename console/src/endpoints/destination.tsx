import type { ReactNode } from 'react';
import { OthersText } from '../body-view.js';

/** Where something is sent: a URL, or nowhere, where consumers pull it. */
export function Destination({ url }: { url: string | null }): ReactNode {
  return url === null ? <span className="quiet">pulled</span> : <OthersText text={url} />;
}
