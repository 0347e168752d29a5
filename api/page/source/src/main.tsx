/** The page: which part of it is shown. */

import { effect } from "@preact/signals";
import { h, render } from "preact";
import { PAGES } from "./app/pages";
import { install, page } from "./app/route";
import { Head, Shell } from "./app/shell";
import { SignIn } from "./app/sign_in";
import { signInNeeded } from "./server/session";
import "./style/all.css";

function Page() {
  if (signInNeeded.value) return <SignIn />;
  const shown = PAGES.get(page.value);
  return (
    <Shell>
      {shown ? h(shown.page, { key: shown.name }) : <Head title="No such page">The list beside has all there are.</Head>}
    </Shell>
  );
}

effect(() => {
  const title = PAGES.get(page.value)?.title;
  document.title = page.value === "ask" || !title ? "Cupola" : `${title} · Cupola`;
});
install();
render(<Page />, document.getElementById("page")!);
