import { poll } from './poll.js';
import { serve } from './presence.js';

serve(poll);
