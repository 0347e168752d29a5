/** An alert on a few lines, and label sets in full. */

import { shown, visible, type Labels } from "../words/labels";
import { short } from "../words/numbers";
import { ago, showTime } from "../words/times";
import { lampOf, timeOf, type Alert } from "./rule_groups";

export function AlertRow({ alert, onOpen }: { alert: Alert; onOpen?: () => void }) {
  const { alertname = "", ...labels } = alert.labels;
  const since = timeOf(alert.activeAt);
  return (
    <div class="rule tall" role="listitem">
      <i class={`lamp ${lampOf(alert.state)}`} />
      <div>
        <p class="clip">
          {onOpen ? <button type="button" class="named" onClick={onOpen}><bdi>{visible(alertname)}</bdi></button> : <strong><bdi>{visible(alertname)}</bdi></strong>}
          <span class="quiet small">{alert.state}{alert.keepFiringSince ? ", kept firing" : ""}</span>
        </p>
        <p class="clip"><bdi>{visible(alert.annotations.summary ?? alert.annotations.description ?? "")}</bdi></p>
        <p class="clip quiet"><bdi class="mono">{shown(labels)}</bdi></p>
      </div>
      <span class="quiet small number">
        {since !== null && <time title={showTime(since)}>{alert.state === "firing" ? "active" : "since"} {ago(since)}</time>}
        <br />{short(Number(alert.value))}
      </span>
    </div>
  );
}

export function LabelPairs({ title, labels }: { title: string; labels?: Labels }) {
  const rows = Object.entries(labels ?? {});
  if (!rows.length) return null;
  return (
    <>
      <h3>{title}</h3>
      <dl class="pairs">
        {rows.map(([name, value]) => <div key={name}><dt class="mono"><bdi>{visible(name)}</bdi></dt><dd class="mono"><bdi>{visible(value, 70_000)}</bdi></dd></div>)}
      </dl>
    </>
  );
}
