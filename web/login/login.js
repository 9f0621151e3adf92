// Show the token once; the server answers with a cookie that scripts cannot read.

const field = document.getElementById("token");
const button = document.querySelector("button");
const message = document.getElementById("message");

// This page also stands in for any page that needs the token.
function goOn() {
  if (location.pathname === "/login") {
    const next = sessionStorage.getItem("after-login") || "/";
    sessionStorage.removeItem("after-login");
    location.replace(next);
  } else {
    location.reload();
  }
}

async function logIn(token) {
  button.disabled = true;
  message.textContent = "Checking…";
  try {
    const answer = await fetch("/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    if (answer.ok) {
      goOn();
      return;
    }
    const body = await answer.json();
    message.textContent =
      answer.status === 401 ? "That is not the token of this server." : body.message;
  } catch {
    message.textContent = "The server cannot be reached.";
  }
  button.disabled = false;
  field.select();
}

// A link from another site comes without the cookie, although there is one: then load it again.
async function goOnIfKnown() {
  if (location.pathname === "/login" || sessionStorage.getItem("reloaded") === location.href) {
    sessionStorage.removeItem("reloaded");
    return;
  }
  const answer = await fetch("/metrics", { method: "HEAD" }).catch(() => null);
  if (answer !== null && answer.ok) {
    sessionStorage.setItem("reloaded", location.href);
    location.reload();
  }
}

document.getElementById("login").addEventListener("submit", (event) => {
  event.preventDefault();
  logIn(field.value.trim());
});

const given = location.hash.slice(1);
if (location.pathname === "/login" && given !== "") {
  history.replaceState(null, "", "/login"); // it is nobody else's to read
  logIn(given);
} else {
  goOnIfKnown();
}
