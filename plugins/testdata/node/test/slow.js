// A feature that takes its time: what the host does about it is tested with it.
import { setTimeout as sleep } from 'node:timers/promises';
import { set } from '../src/feature.js';
import { serve } from '../src/presence.js';

serve({
  manifest: {
    name: 'slow',
    title: 'Slow',
    state: [{ name: 'said', kind: 'KIND_REGISTER' }],
    events: [{ name: 'say' }, { name: 'wait' }, { name: 'throw' }, { name: 'halve' }],
  },

  async handle(event, state, signal) {
    if (event.name === 'wait') await sleep(3600_000, undefined, { signal });
    if (event.name === 'throw') throw new TypeError('a fault of the feature');
    return [set('said', event.name === 'halve' ? '🙂'.slice(0, 1) : String(process.pid))];
  },

  render: () => [],
});
