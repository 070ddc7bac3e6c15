/** Names and attributes of the cookies of the page. */
export class Cookies {
  /** `__Host-` keeps other hosts of the domain from setting them; browsers take it over https only. */
  private readonly prefix: string;
  private readonly attributes: string;

  constructor(publicUrl: string) {
    const secure = publicUrl.startsWith('https:');
    this.prefix = secure ? '__Host-' : '';
    // Lax, because the provider sends the browser back from another site; nothing changes by a GET.
    this.attributes = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  }

  /** The value of a cookie in a Cookie header. */
  read(header: string | undefined, name: string): string | undefined {
    const wanted = `${this.prefix}customhouse-${name}=`;
    return header
      ?.split(';')
      .map((pair) => pair.trim())
      .find((pair) => pair.startsWith(wanted))
      ?.slice(wanted.length);
  }

  /** The Set-Cookie header that gives a cookie. `value`: letters, digits, `.`, `_` and `-` only. */
  give(name: string, value: string, lifetime_s: number): string {
    return `${this.prefix}customhouse-${name}=${value}; Max-Age=${lifetime_s}; ${this.attributes}`;
  }

  /** The Set-Cookie header that takes it away. */
  take(name: string): string {
    return this.give(name, '', 0);
  }
}
