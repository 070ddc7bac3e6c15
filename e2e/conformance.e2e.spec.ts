import { conformance } from './scenarios/conformance.js';

conformance();
