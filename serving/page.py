"""The page at `/` until there are pages: what answers here, in plain HTML that loads nothing from anywhere."""

from __future__ import annotations

__all__ = ["HEADERS", "PAGE"]

HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Tenure</title>
<style>body{font:16px/1.5 sans-serif;max-width:40em;margin:3em auto;padding:0 1em}code{font-size:.9em}</style>
<h1>Tenure</h1>
<p>Which accounts are about to leave, and why. This process answers, to whoever sends a token:</p>
<ul>
<li><code>POST /score</code> with <code>{"account_ids": ["a-1"], "explain": 5}</code>: the latest stored scores, at
every horizon</li>
<li><code>POST /score_features</code> with <code>{"rows": [{...}], "explain": 5, "horizon": 30}</code>: scores with the
champion, with the reasons at one horizon</li>
<li><code>POST /what_if</code> with <code>{"account_id": "a-1", "changes": {"seats": 20}}</code>: what the champion
would say of an account like that</li>
<li><code>POST /history</code> with <code>{"account_id": "a-1", "since": "2026-01-01"}</code>: its scores over time</li>
<li><code>POST /feedback</code> with <code>{"account_id": "a-1", "verdict": "handled"}</code>: what people make of
it</li>
<li><code>POST /lists</code> with <code>{"list": "calls"}</code>: whom to call, what renews, who moved, health and other
lists</li>
<li><code>POST /brief</code> with <code>{"account_id": "a-1"}</code>: one page on an account</li>
<li><code>POST /blindsided</code> with <code>{"since": "2026-01-01", "until": "2026-03-31"}</code>: who left, and was it
seen coming</li>
<li><code>POST /alerts</code> with <code>{"open": true}</code>: what fired</li>
<li><code>POST /roi</code> with <code>{"period": "2025Q3"}</code>: what each CSM was worth, against what was
expected</li>
<li><code>POST /revenue</code> with <code>{"period": "2025Q3", "by": "segment"}</code>: how revenue moved and was
kept</li>
<li><code>GET /metrics</code>: for Prometheus</li>
</ul>
<p>And to everybody: <a href="openapi.json"><code>GET /openapi.json</code></a>, which describes all of these;
<a href="readyz"><code>GET /readyz</code></a>, which scored day and which model are being served;
<a href="livez"><code>GET /livez</code></a>, for machines.</p>
"""
