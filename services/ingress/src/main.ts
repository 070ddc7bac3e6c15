import { main } from '@customhouse/nest/main';
import { ingressService } from './service.js';

await main(ingressService);
