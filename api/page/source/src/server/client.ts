/** Requests to the API of the server that the page came from; never to any other host. */

import { noteTime } from "./clock";
import { credential, signInNeeded, tenant } from "./session";

export type Params = Record<string, string | number | string[] | undefined>;

export interface Answer<T> {
  data: T;
  warnings: string[];
  infos: string[];
  /** Milliseconds from asking to having it. */
  took: number;
}

export interface AskOptions {
  signal?: AbortSignal;
  method?: "GET" | "POST" | "DELETE";
  /** Of these tenants instead of the chosen ones. */
  tenant?: string;
}

/** What the server refused, in its words. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly kind: string,
    message: string,
  ) {
    super(message);
  }
}

/** What stands before /ui/ in the address: empty, or the prefix that the server is reached under. */
export const root = location.pathname.replace(/\/ui\/[^/]*$/, "").replace(/\/$/, "");

export function headersFor(of = tenant.value): Record<string, string> {
  const headers: Record<string, string> = {};
  if (of) headers["X-Scope-OrgID"] = of;
  if (credential.value) headers.Authorization = credential.value;
  return headers;
}

export function encode(params: Params): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) form.append(name, String(one));
  }
  return form.toString();
}

/** Ask an endpoint below /api/v1; with Prometheus' envelope or without. Throws Refusal. */
export async function ask<T>(path: string, params: Params = {}, options: AskOptions = {}): Promise<Answer<T>> {
  const began = performance.now();
  const body = await fetched(`${root}/api/v1/${path}`, params, options).then(read);
  const took = performance.now() - began;
  const answer = body as { status?: string; data?: T; warnings?: string[]; infos?: string[] };
  if (answer && answer.status === "success") {
    return { data: answer.data as T, warnings: answer.warnings ?? [], infos: answer.infos ?? [], took };
  }
  return { data: body as T, warnings: [], infos: [], took };
}

/** Plain text of a path of the program, such as /metrics. Throws Refusal. */
export async function askText(path: string, options: AskOptions = {}): Promise<string> {
  const response = await fetched(`${root}/${path}`, {}, options);
  const text = await textOf(response);
  if (!response.ok) throw refusal(response.status, text);
  return text;
}

async function fetched(url: string, params: Params, options: AskOptions): Promise<Response> {
  const form = encode(params);
  const posts = options.method === "POST";
  const headers = headersFor(options.tenant);
  if (posts) headers["Content-Type"] = "application/x-www-form-urlencoded";
  try {
    const response = await fetch(posts || !form ? url : `${url}?${form}`, {
      method: options.method ?? "GET",
      headers,
      body: posts ? form : undefined,
      signal: options.signal,
    });
    noteTime(response.headers.get("Date"));
    return response;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal(0, "network", "The server cannot be reached.");
  }
}

/** The body; a connection may break off in the middle of it. */
async function textOf(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new Refusal(0, "network", "The server's answer has broken off.");
  }
}

async function read(response: Response): Promise<unknown> {
  const text = await textOf(response);
  if (!response.ok) throw refusal(response.status, text);
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    // A proxy's page, or an answer that ended early.
    throw new Refusal(response.status, "", "The server's answer cannot be read.");
  }
}

/** The refusal that an answer is, and the form to sign in where a credential is missing. */
export function refusal(status: number, text: string): Refusal {
  if (status === 401) signInNeeded.value = true;
  try {
    const body = JSON.parse(text) as { error?: string; errorType?: string };
    if (body.error) return new Refusal(status, body.errorType ?? "", body.error);
  } catch {
    // Not JSON: a proxy's page, or plain text of the guard.
  }
  const plain = text.startsWith("<") ? "" : text.trim().slice(0, 500);
  return new Refusal(status, "", plain || `The server answered ${status}.`);
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
