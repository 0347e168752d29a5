/** The query page: panels, or a welcome where nothing was asked yet. */

import { Icon } from "../app/icons";
import { Notices } from "../parts/notices";
import { skew } from "../server/clock";
import { aboutDuration } from "../words/durations";
import { PANELS_MAX } from "./address";
import { PanelView } from "./panel_view";
import { addPanel, panels } from "./state";
import { Welcome } from "./welcome";

export function AskPage() {
  const list = panels.value;
  const isFirst = list.length === 1 && !list[0].panel.expr;
  return (
    <>
      <h1 class="hidden-text">Query</h1>
      {skew.value !== 0 && <Notices warnings={[skewText(skew.value)]} infos={[]} />}
      <div class="panels">
        {list.map((shown, index) => <PanelView key={shown.id} shown={shown} number={index + 1} isOnly={list.length === 1} />)}
      </div>
      {isFirst
        ? <Welcome />
        : list.length < PANELS_MAX && <button type="button" class="button add" onClick={() => addPanel()}><Icon name="plus" />Add a query</button>}
    </>
  );
}

function skewText(seconds: number): string {
  return `The clock of this browser is ${aboutDuration(Math.abs(seconds))} ${seconds > 0 ? "ahead of" : "behind"} the server's. Graphs end at this browser's time.`;
}
