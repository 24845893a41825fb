-- An order that no worker takes for an hour, again and again: each is a job of its own.
wrk.method = "POST"
wrk.body = '{"sealing":"plain","nodeName":"bench","delaySeconds":3600}'
wrk.headers["Content-Type"] = "application/json"
