import { testPostgres } from '@customhouse/test-engines/postgres';
import { clientId, clientSecret, CompanyLogin } from './company-login.js';
import { freePort } from './free-port.js';
import { Gateway, type HeldData, type Ingress } from './gateway.js';

/** What the service needs to know of a company's login, to be reached at `home`. */
export function pageEnvironment(home: string, company: CompanyLogin): Record<string, string> {
  return {
    CUSTOMHOUSE_API_PORT: new URL(home).port,
    CUSTOMHOUSE_APPROVAL_PUBLIC_URL: home,
    CUSTOMHOUSE_APPROVAL_OIDC_ISSUER: company.issuer,
    CUSTOMHOUSE_APPROVAL_OIDC_CLIENT_ID: clientId,
    CUSTOMHOUSE_APPROVAL_OIDC_CLIENT_SECRET: clientSecret,
    CUSTOMHOUSE_APPROVAL_OIDC_SCOPE: 'openid email groups',
  };
}

/** The service with its pages, and a company whose people log in to them. */
export class PageGateway {
  private constructor(
    /** Where browsers reach the service. */
    readonly home: string,
    readonly company: CompanyLogin,
    readonly gateway: Gateway,
    readonly ingress: Ingress,
  ) {}

  /** `people`: the groups of each; their addresses are `<name>@example.com`. */
  static async start(people: Readonly<Record<string, readonly string[]>>, settings: Readonly<Record<string, string>> = {}): Promise<PageGateway> {
    const home = `http://127.0.0.1:${await freePort()}`;
    const company = await CompanyLogin.start(`${home}/approvals/callback`);
    for (const [name, groups] of Object.entries(people)) company.people.set(name, { email: `${name}@example.com`, groups });
    const gateway = await Gateway.start({ postgres: (await testPostgres()).url, settings: { ...pageEnvironment(home, company), ...settings } });
    return new PageGateway(home, company, gateway, await gateway.ingress('ingress-1'));
  }

  /** Holds a call and waits until the request is open. */
  async held(options: Parameters<Ingress['hold']>[0] = {}): Promise<{ held: HeldData; id: string; link: string }> {
    const { held } = await this.ingress.hold({ quorum: options.terms?.quorum ?? 1, ...options });
    const { id } = held.approval;
    await this.gateway.status(id, 'open');
    return { held, id, link: `${this.home}/approvals/${id}` };
  }

  async stop(): Promise<void> {
    await this.gateway.stop();
    await this.company.stop();
  }
}
