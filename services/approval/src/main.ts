import { main } from '@customhouse/nest/main';
import { approvalService } from './service.js';

await main(approvalService);
