/** The page: which part of it is shown. */

import { render, type FunctionComponent } from "preact";
import { install, page } from "./app/route";
import { Head, Shell } from "./app/shell";
import { SignIn } from "./app/sign_in";
import { AskPage } from "./ask/ask";
import { signInNeeded } from "./server/session";
import "./style/all.css";

const PAGES: Record<string, FunctionComponent> = {};

function Page() {
  if (signInNeeded.value) return <SignIn />;
  const Other = PAGES[page.value];
  return (
    <Shell>
      {page.value === "ask" ? <AskPage /> : Other ? <Other key={page.value} /> : <Head title="No such page">The list beside has all there are.</Head>}
    </Shell>
  );
}

install();
render(<Page />, document.getElementById("page")!);
