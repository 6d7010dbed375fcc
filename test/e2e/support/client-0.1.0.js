// Frozen: `koa-authx/client` as 0.1.0 had it, bundled. Tests run it beside the present one. Do not change it.
// client/json.ts
function objectIn(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

// client/error.ts
var AuthXClientError = class extends Error {
  /** `AuthXClientError`. */
  name = "AuthXClientError";
  /** The status of the answer. */
  status;
  /** The `error_type` of the answer, such as `RevokedTokenError`; undefined if the answer was none of the library's. */
  errorType;
  constructor(status, errorType, message) {
    super(message);
    this.status = status;
    this.errorType = errorType;
  }
};
function isOver(error) {
  return error instanceof AuthXClientError && error.status === 401 && error.errorType !== void 0;
}
async function errorOf(response) {
  const { errorType, message } = await explanation(response);
  return new AuthXClientError(response.status, errorType, message || `The server answered ${response.status}`);
}
async function explanation(response) {
  const mediaType = response.headers.get("Content-Type")?.split(";")[0]?.trim();
  const text = await response.clone().text();
  if (mediaType === "text/plain") return { message: text };
  if (mediaType !== "application/json") return {};
  const body = objectIn(text);
  return {
    ...typeof body.error_type === "string" && { errorType: body.error_type },
    ...typeof body.message === "string" && { message: body.message }
  };
}

// client/events.ts
var Listeners = class {
  #listeners = {
    login: /* @__PURE__ */ new Set(),
    refresh: /* @__PURE__ */ new Set(),
    logout: /* @__PURE__ */ new Set()
  };
  add(type, listener) {
    const added = (event) => listener(event);
    this.#listeners[type].add(added);
    return () => void this.#listeners[type].delete(added);
  }
  /** A listener that throws is reported as an uncaught error, like one of an EventTarget, and changes no answer. */
  tell(type, event) {
    for (const listener of this.#listeners[type]) queueMicrotask(() => listener(event));
  }
  clear() {
    for (const each of Object.values(this.#listeners)) each.clear();
  }
};

// client/claims.ts
function claimsOf(token) {
  const payload = token.split(".")[1];
  if (!payload) return void 0;
  try {
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (byte) => byte.charCodeAt(0));
    return objectIn(new TextDecoder().decode(bytes));
  } catch {
    return void 0;
  }
}

// client/login.ts
var Login = class {
  #settings;
  #access;
  /** The CSRF value that came with the access token. */
  #accessOf;
  #refresh;
  /** From a body: a server with `csrfInCookies: false` hands it out there. */
  #csrf;
  #known = false;
  /** The CSRF value of the login that has ended: not every end clears the cookies. */
  #ended;
  /** How often what requests carry has been renewed, here or where the cookies are shared. */
  #renewals = 0;
  /** How often a login has begun or ended, here or where the cookies are shared. */
  #changes = 0;
  #begun = 0;
  constructor(settings) {
    this.#settings = settings;
  }
  /** Undefined, too, if the cookies are of another login by now. */
  get accessToken() {
    return this.#isReplaced(this.#accessOf) ? void 0 : this.#access;
  }
  get claims() {
    const token = this.accessToken;
    return token === void 0 ? void 0 : claimsOf(token);
  }
  get exists() {
    const csrf = this.#csrfOfLogin;
    return this.#known || csrf !== void 0 && csrf !== this.#ended;
  }
  /** What a request is sent with, to be compared later. */
  get moment() {
    return { renewals: this.#renewals, changes: this.#changes, csrf: this.#csrfOfLogin };
  }
  /** Whether it still is the login of that moment, or none any more: not each that begins elsewhere is told. */
  isThatOf({ changes, csrf }) {
    return this.#changes === changes && !this.#isReplaced(csrf);
  }
  /** Whether requests would go without their token although there is a login: after a reload, say. */
  get lacksAccessToken() {
    return this.#settings.tokens !== "cookies" && this.accessToken === void 0 && this.exists;
  }
  /** Keep what the body of a login brings. @throws TypeError if a token is not in it. */
  begin(body) {
    this.#refresh = void 0;
    this.renew(body);
    this.#changes++;
    this.#begun = Date.now();
  }
  /** Whether it has begun after that: word of an earlier one may come late. In milliseconds since 1970. */
  isAfter(time) {
    return this.#begun > time;
  }
  /** Keep what the body of a refresh brings. @throws TypeError if a token is not in it. */
  renew(body) {
    const { tokens } = this.#settings;
    const { access_token: access, refresh_token: refresh, csrf_token: csrf } = body;
    if (tokens !== "cookies") {
      if (typeof access !== "string")
        throw new TypeError(
          `tokens is '${tokens}', but the answer has no access_token: see tokenLocation of the server`
        );
      this.#access = access;
    }
    if (tokens === "headers" && typeof refresh === "string") this.#refresh = refresh;
    this.#csrf = typeof csrf === "string" ? csrf : void 0;
    this.#accessOf = this.#csrfOfLogin;
    this.#renewed();
  }
  /** Another tab has logged in, perhaps as somebody else: what this one holds is of another login than the cookies. */
  replaced(at) {
    this.#access = void 0;
    this.#csrf = void 0;
    this.#changes++;
    this.#begun = at;
    this.#renewed();
  }
  /** Another tab has refreshed. An access token in its memory is of no use here. */
  renewedElsewhere() {
    if (this.#settings.tokens === "cookies") this.#renewed();
  }
  end() {
    this.#ended = this.#refreshCsrf;
    this.#access = void 0;
    this.#refresh = void 0;
    this.#csrf = void 0;
    this.#known = false;
    this.#changes++;
  }
  #renewed() {
    this.#known = true;
    this.#renewals++;
  }
  /** What goes with a request of the application. */
  headersFor(method) {
    const { tokens, accessCsrfHeaderName } = this.#settings;
    if (tokens !== "cookies") return this.#token(this.accessToken);
    return SAFE_METHODS.includes(method) ? [] : pairs(accessCsrfHeaderName, this.#accessCsrf);
  }
  headersForRefresh() {
    const { tokens, refreshCsrfHeaderName } = this.#settings;
    return tokens === "headers" ? this.#token(this.#refresh) : pairs(refreshCsrfHeaderName, this.#refreshCsrf);
  }
  /** Either token will do, but each that comes in a cookie needs its CSRF value. */
  headersForLogout() {
    const { tokens } = this.#settings;
    if (tokens === "headers") return this.#token(this.accessToken);
    return [...this.headersForRefresh(), ...this.headersFor("POST")];
  }
  #token(token) {
    const { headerName, headerType } = this.#settings;
    return pairs(headerName, token && `${headerType} ${token}`.trim());
  }
  #isReplaced(csrf) {
    const present = this.#csrfOfLogin;
    return present !== void 0 && present !== csrf;
  }
  get #csrfOfLogin() {
    return this.#settings.tokens === "headers" ? void 0 : this.#refreshCsrf;
  }
  get #accessCsrf() {
    return this.#cookie(this.#settings.accessCsrfCookieName) ?? this.#refreshCsrf;
  }
  get #refreshCsrf() {
    return this.#cookie(this.#settings.refreshCsrfCookieName) ?? this.#csrf;
  }
  #cookie(name) {
    const pair = this.#settings.cookies().split(/; */).find((each) => each.startsWith(`${name}=`));
    return pair && unescaped(pair.slice(name.length + 1));
  }
};
var SAFE_METHODS = ["GET", "HEAD", "OPTIONS", "TRACE"];
var pairs = (name, value) => value ? [[name, value]] : [];
function unescaped(value) {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

// client/page.ts
var page = globalThis;

// client/options.ts
var TOKENS_IN = ["cookies", "dual", "headers"];
function settingsOf({ baseUrl = "", paths = {}, ...options }) {
  if (!TOKENS_IN.includes(options.tokens)) throw new TypeError("tokens must be 'cookies', 'dual' or 'headers'");
  const base = baseUrl.replace(/\/+$/, "");
  return {
    headerName: "Authorization",
    headerType: "Bearer",
    accessCsrfCookieName: "csrf_access_token",
    accessCsrfHeaderName: "X-CSRF-TOKEN",
    refreshCsrfCookieName: "csrf_refresh_token",
    refreshCsrfHeaderName: "X-CSRF-TOKEN",
    // Looked up at each call, for pages put their own in its place; and not as a method, which browsers refuse.
    fetch: (input, init) => fetch(input, init),
    cookies: () => page.document?.cookie ?? "",
    ...given(options),
    origin: originOf(base),
    pageOrigin: page.location?.origin,
    paths: { login: "/login", refresh: "/refresh", logout: "/logout", ...given(paths) },
    urlOf: (target) => new URL(typeof target === "string" && target.startsWith("/") ? base + target : target, page.document?.baseURI)
  };
}
var given = (options) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== void 0));
function originOf(base) {
  try {
    const { protocol, origin } = new URL(`${base}/`, page.document?.baseURI);
    if (protocol === "https:" || protocol === "http:") return origin;
  } catch {
  }
  throw new TypeError("baseUrl must be a URL such as 'https://api.example.com'; in a page of a site, '/api' will do");
}

// client/request.ts
function outgoing(input, init, settings) {
  const request = input instanceof Request ? input : void 0;
  const url = settings.urlOf(request ? request.url : input);
  const method = (init.method ?? request?.method ?? "GET").toUpperCase();
  const target = request ?? url.href;
  return {
    url,
    target,
    method,
    repeatable: isRepeatable(init, request, method),
    send(secrets) {
      const headers = new Headers(init.headers ?? request?.headers);
      for (const [name, value] of secrets) headers.set(name, value);
      return settings.fetch(target, { ...init, ...guarded(url, secrets, init, settings), headers });
    }
  };
}
function isRepeatable({ body }, request, method) {
  if (body !== void 0 && body !== null) return !(body instanceof ReadableStream || isIterable(body));
  return !request || request.body === null || method === "GET" || method === "HEAD";
}
var isIterable = (body) => typeof body === "object" && Symbol.asyncIterator in body;
function guarded(url, secrets, { redirect, credentials }, settings) {
  const mayFollow = redirect === "manual" || secrets.every(([name]) => name.toLowerCase() === "authorization");
  return {
    ...!mayFollow && { redirect: "error" },
    ...!credentials && settings.tokens === "cookies" && withCookies(url, settings)
  };
}
function withCookies({ origin }, { pageOrigin }) {
  return pageOrigin === origin ? {} : { credentials: "include" };
}

// client/tabs.ts
var WORD_COMES_WITHIN_MS = 1e3;
var Tabs = class {
  #name;
  #locks;
  #channel;
  #last = Promise.resolve();
  #turnsElsewhere = 0;
  #heard;
  constructor(name, shares, listener) {
    this.#name = `koa-authx ${name}`;
    if (!shares || !page.document) return;
    this.#locks = page.navigator?.locks;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#hear(data, listener);
    this.#channel.unref?.();
  }
  /** Do `work` while no tab does any: one after another, each with what came of the one before. */
  alone(work) {
    const turn = this.#last.then(() => this.#locked(work));
    this.#last = turn.catch(() => {
    });
    return turn;
  }
  async #locked(work) {
    const locks = this.#locks;
    const inTurn = () => work().finally(() => this.tell({ type: "done" }));
    if (!locks) return inTurn();
    const turns = this.#turnsElsewhere;
    const done = await locks.request(this.#name, { ifAvailable: true }, async (lock) => lock && { value: await inTurn() });
    if (done) return done.value;
    return locks.request(this.#name, {}, async () => {
      if (this.#turnsElsewhere === turns) await this.#word();
      return inTurn();
    });
  }
  #word() {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, WORD_COMES_WITHIN_MS);
      this.#heard = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  #hear(message, listener) {
    if (message.type === "done") {
      this.#turnsElsewhere++;
      this.#heard?.();
    } else {
      listener(message);
    }
  }
  tell(message) {
    this.#channel?.postMessage({ ...message, at: Date.now() });
  }
  close() {
    this.#channel?.close();
    this.#channel = void 0;
    this.#heard?.();
  }
};

// client/client.ts
var AuthXClient = class {
  #settings;
  #login;
  #listeners = new Listeners();
  #tabs;
  #refreshing;
  /** @throws TypeError naming the option that is wrong. */
  constructor(options) {
    const settings = settingsOf(options);
    this.#settings = settings;
    this.#login = new Login(settings);
    const { href } = settings.urlOf(settings.paths.refresh);
    this.#tabs = new Tabs(href, settings.tokens !== "headers", (message) => this.#hear(message));
  }
  /** Whether somebody is logged in, as far as this side knows: by what it was told, or by the readable CSRF cookie. */
  get loggedIn() {
    return this.#login.exists;
  }
  /** The access token, where it is kept in memory (`dual`, `headers`). */
  get accessToken() {
    return this.#login.accessToken;
  }
  /** Its claims, decoded and not verified. */
  get claims() {
    return this.#login.claims;
  }
  /**
   * Post credentials as JSON. Resolves to the body of the answer.
   * @throws AuthXClientError if the server refuses; what `fetch` throws if it cannot be reached.
   */
  login(credentials) {
    const body = JSON.stringify(credentials);
    return this.#tabs.alone(async () => {
      const answer = await this.#post("login", PATIENCE_MS.login, [["Content-Type", "application/json"]], body);
      this.#login.begin(answer);
      this.#announce("login");
      return answer;
    });
  }
  /**
   * Refresh now, or join the refresh that is under way, here or in another tab.
   * @throws AuthXClientError if the server refuses: with status 401 and an `errorType` the login is over, otherwise nothing
   * has changed; what `fetch` throws if it cannot be reached.
   */
  refresh() {
    this.#refreshing ??= this.#refreshInTurn().finally(() => {
      this.#refreshing = void 0;
    });
    return this.#refreshing;
  }
  /**
   * End the login. Once this has resolved, its tokens are refused everywhere; that the server takes none of them any more
   * (401 with an `errorType`) is as good.
   * @throws AuthXClientError if the server refuses otherwise, what `fetch` throws if it cannot be reached: the login goes on then.
   */
  logout() {
    return this.#tabs.alone(async () => {
      const { exists, moment } = this.#login;
      try {
        await this.#post("logout", PATIENCE_MS.logout, this.#login.headersForLogout());
      } catch (error) {
        if (!exists || !isOver(error)) throw error;
      }
      this.#end(moment);
    });
  }
  /**
   * Like `fetch`, with the token or, for methods that change something, the CSRF header added, if the request goes to the
   * origin of `baseUrl`. Paths begin at `baseUrl`. If the access token has expired, it is refreshed and the request sent
   * again, once, unless its body is a stream.
   * @throws AuthXClientError if a refresh was due and refused for now: by a server without its store (503), by a gateway.
   */
  async fetch(input, init = {}) {
    const request = outgoing(input, init, this.#settings);
    if (request.url.origin !== this.#settings.origin) return this.#settings.fetch(request.target, init);
    const { response, moment } = await this.#send(request);
    if (!request.repeatable || !await this.#isOutOfTime(response)) return response;
    return await this.#renew(moment) ? request.send(this.#login.headersFor(request.method)) : response;
  }
  /** Call `listener` when it happens, here or in another tab. Returns what ends that. */
  on(type, listener) {
    return this.#listeners.add(type, listener);
  }
  /** Stop listening to other tabs. */
  close() {
    this.#listeners.clear();
    this.#tabs.close();
  }
  async #send(request) {
    if (this.#login.lacksAccessToken) await this.#renew(this.#login.moment);
    const { moment } = this.#login;
    return { moment, response: await request.send(this.#login.headersFor(request.method)) };
  }
  /** Whether the token has expired, or the browser has dropped its cookie because it has. */
  async #isOutOfTime(response) {
    const isOurs = !response.redirected || new URL(response.url).origin === this.#settings.origin;
    if (response.status !== 401 || !isOurs) return false;
    const { errorType } = await explanation(response);
    return errorType === "TokenExpiredError" || errorType === "MissingTokenError" && this.#login.exists;
  }
  /** Whether the login of `moment` still is there, renewed. A request is never sent again as that of somebody else. */
  async #renew(moment) {
    if (!this.#login.isThatOf(moment)) return false;
    try {
      if (this.#login.moment.renewals === moment.renewals) await this.refresh();
      return this.#login.isThatOf(moment);
    } catch (error) {
      if (isOver(error)) return false;
      throw error;
    }
  }
  #refreshInTurn() {
    const { renewals } = this.#login.moment;
    return this.#tabs.alone(async () => {
      if (this.#login.moment.renewals !== renewals && !this.#login.lacksAccessToken) return;
      this.#login.renew(await this.#postRefresh());
      this.#announce("refresh");
    });
  }
  async #postRefresh() {
    const { exists, moment } = this.#login;
    const post = (patience) => this.#post("refresh", patience, this.#login.headersForRefresh());
    try {
      return await post(PATIENCE_MS.refresh).catch((error) => {
        if (error instanceof AuthXClientError) throw error;
        return post(PATIENCE_MS.repeatedRefresh);
      });
    } catch (error) {
      if (exists && isOver(error)) this.#end(moment, error.errorType);
      throw error;
    }
  }
  async #post(route, patience, headers, body) {
    const url = this.#settings.urlOf(this.#settings.paths[route]);
    const response = await this.#settings.fetch(url.href, {
      method: "POST",
      headers: Object.fromEntries(headers),
      // Neither a password nor a refresh token is for where a redirect leads to.
      redirect: "error",
      signal: AbortSignal.timeout(patience),
      ...this.#settings.tokens !== "headers" && withCookies(url, this.#settings),
      ...body !== void 0 && { body }
    });
    if (!response.ok) throw await errorOf(response);
    return objectIn(await response.text());
  }
  /** The login of `moment` is over. One that has begun since is not. */
  #end(moment, reason) {
    if (!this.#login.isThatOf(moment)) return;
    this.#login.end();
    this.#announce("logout", reason);
  }
  #announce(type, reason) {
    this.#tabs.tell({ type, reason });
    this.#listeners.tell(type, { elsewhere: false, ...reason !== void 0 && { reason } });
  }
  #hear({ type, reason, at }) {
    if (this.#login.isAfter(at)) return;
    if (type === "login") this.#login.replaced(at);
    else if (type === "refresh") this.#login.renewedElsewhere();
    else if (type === "logout") this.#login.end();
    else return;
    this.#listeners.tell(type, { elsewhere: true, ...reason !== void 0 && { reason } });
  }
};
var PATIENCE_MS = { login: 6e4, refresh: 3e3, repeatedRefresh: 8e3, logout: 8e3 };
export {
  AuthXClient,
  AuthXClientError
};
