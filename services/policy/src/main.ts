import { main } from '@customhouse/nest/main';
import { policyService } from './service.js';

await main(policyService);
