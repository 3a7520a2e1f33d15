import type { ReactNode } from 'react';
import { OthersText } from '../body-view.js';
import { useClock } from '../clock.js';
import type { DeliveryDetails } from '../rows.js';
import { deliveryJudgement } from './judgement.js';

/** Whether a delivery has arrived, and if not why: one sentence, as of now. */
export function Judgement({ delivery }: { delivery: DeliveryDetails }): ReactNode {
  const text = useClock((now) => deliveryJudgement(delivery, now));
  return (
    <p className="judgement">
      <OthersText text={text} />
    </p>
  );
}
