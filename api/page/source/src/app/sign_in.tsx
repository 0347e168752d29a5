/** The form for who is not known to the server: a name and password, or a token. */

import { useState } from "preact/hooks";
import { signInWithPassword, signInWithToken } from "../server/session";
import { Dome } from "./icons";

export function SignIn() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [token, setToken] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    if (token.trim()) signInWithToken(token);
    else signInWithPassword(name, password);
  };
  return (
    <main class="sign-in">
      <form onSubmit={submit}>
        <Dome size={40} />
        <h1>Who are you?</h1>
        <p>This server answers only those it knows. What you enter stays in this tab, and goes to this server only.</p>
        <label>Name<input class="field" autocomplete="username" value={name} onInput={(e) => setName(e.currentTarget.value)} /></label>
        <label>Password<input class="field" type="password" autocomplete="current-password" value={password} onInput={(e) => setPassword(e.currentTarget.value)} /></label>
        <p class="or"><span>or</span></p>
        <label>Token<input class="field" type="password" autocomplete="off" value={token} onInput={(e) => setToken(e.currentTarget.value)} /></label>
        <button type="submit" class="button main" disabled={!token.trim() && !name}>Sign in</button>
      </form>
    </main>
  );
}
