/** What the editor completes: asked for by a part of the word, and never more than a limit. */

import type { PrometheusClient } from "@prometheus-io/codemirror-promql/dist/esm/client/index";
import { labelMatchersToString } from "@prometheus-io/codemirror-promql/dist/esm/parser/index";
import type { Matcher } from "@prometheus-io/codemirror-promql/dist/esm/types/index";
import { ask, type Params } from "../server/client";

type Metadata = Record<string, { type: string; help: string }[]>;
const LIMIT = 1000;
const METADATA_LIMIT = 5000;
const LOOK_BACK_S = 12 * 3600;
const KEPT_MS = 60_000;

/** Answers nothing where the server refuses: completion is no place for errors. */
export class Completion implements PrometheusClient {
  /** Whether the latest list of metrics was cut, so that a longer word has to be asked for again. */
  isCut = false;
  private readonly kept = new Map<string, { at: number; value: Promise<unknown> }>();

  labelNames(metricName = ""): Promise<string[]> {
    return this.list("labels", { ...this.range(), ...this.match(metricName), limit: LIMIT });
  }

  labelValues(labelName: string, metricName = "", matchers: Matcher[] = []): Promise<string[]> {
    if (labelName === "__name__") return this.metricNames();
    const path = `label/${encodeURIComponent(labelName)}/values`;
    return this.list(path, { ...this.range(), ...this.match(metricName, matchers, labelName), limit: LIMIT });
  }

  async metricNames(part = ""): Promise<string[]> {
    const pattern = part.replace(/[^a-zA-Z0-9_:]/g, "");
    const matching: Params = pattern ? { "match[]": `{__name__=~".*${pattern}.*"}` } : {};
    const found = await this.list("label/__name__/values", { ...this.range(), ...matching, limit: LIMIT });
    this.isCut = found.length >= LIMIT;
    return found;
  }

  metricMetadata(): Promise<Metadata> {
    return this.remembered("metadata", async () => (await ask<Metadata>("metadata", { limit: METADATA_LIMIT, limit_per_metric: 1 })).data, {});
  }

  async series(): Promise<Map<string, string>[]> {
    return [];
  }

  async flags(): Promise<Record<string, string>> {
    return {};
  }

  private list(path: string, params: Params): Promise<string[]> {
    const { start: _start, end: _end, ...rest } = params;
    return this.remembered(`${path} ${JSON.stringify(rest)}`, async () => (await ask<string[]>(path, params)).data, []);
  }

  private remembered<T>(key: string, load: () => Promise<T>, nothing: T): Promise<T> {
    const known = this.kept.get(key);
    if (known && Date.now() - known.at < KEPT_MS) return known.value as Promise<T>;
    if (this.kept.size > 200) this.kept.clear();
    const value = load().catch(() => {
      this.kept.delete(key);
      return nothing;
    });
    this.kept.set(key, { at: Date.now(), value });
    return value;
  }

  private range(): Params {
    const now = Math.floor(Date.now() / 1000);
    return { start: now - LOOK_BACK_S, end: now };
  }

  private match(metricName: string, matchers: Matcher[] = [], labelName = ""): Params {
    const text = labelMatchersToString(metricName, matchers, labelName);
    return text && text !== "{}" ? { "match[]": text } : {};
  }
}
