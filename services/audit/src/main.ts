import { main } from '@customhouse/nest/main';
import { auditService } from './service.js';

await main(auditService);
