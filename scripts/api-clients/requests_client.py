"""What a program written with Python's requests does with the API. requests_client.py URL KEY FOLDER"""

import hashlib
import re
import sys
import time
from email.message import Message
from urllib.parse import unquote

import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

url, key, folder = sys.argv[1:4]
client = requests.Session()
client.headers["Authorization"] = f"Bearer {key}"

answer = client.post(f"{url}/v1/jobs", json={"nodeName": "lab-1", "packageName": "ü (1).pkg", "sealing": "plain"},
                     headers={"Prefer": "wait=25", "Idempotency-Key": '"r1"'}, timeout=60)
assert answer.status_code == 202 and answer.json()["state"] == "succeeded", answer.text
job = answer.json()["id"]
shown = client.get(url + answer.headers["Location"], timeout=60)
assert shown.status_code == 200 and shown.links["item"]["url"] == f"/v1/artifacts/{job}"
again = client.get(url + answer.headers["Location"], headers={"If-None-Match": shown.headers["ETag"]}, timeout=60)
assert again.status_code == 304 and again.content == b""

# Whole, in parts, and its head: the same file under the same name, whoever reads the name.
file = client.get(f"{url}/v1/artifacts/{job}", timeout=60)
digest = hashlib.sha256(file.content).hexdigest()
assert client.get(f"{url}/v1/artifacts/{job}/sha256", timeout=60).text.split()[0] == digest
parts = [client.get(f"{url}/v1/artifacts/{job}", headers={"Range": f"bytes={a}-{b}", "If-Range": file.headers["ETag"]}, timeout=60)
         for a, b in [(0, 99), (100, len(file.content) - 1)]]
assert [part.status_code for part in parts] == [206, 206]
assert b"".join(part.content for part in parts) == file.content
head = client.head(f"{url}/v1/artifacts/{job}", timeout=60)
assert head.headers["Content-Length"] == str(len(file.content)) and head.headers["Repr-Digest"] == file.headers["Repr-Digest"]
message = Message()
message["Content-Disposition"] = file.headers["Content-Disposition"]
plain = re.search(r'filename="([^"]*)"', file.headers["Content-Disposition"]).group(1)
extended = unquote(re.search(r"filename\*=UTF-8''(\S+)", file.headers["Content-Disposition"]).group(1))
assert message.get_filename() in (plain, extended) and extended == "ü (1).pkg" and plain.isascii(), message.get_filename()

# A page after a page, each job once.
for number in range(7):
    client.post(f"{url}/v1/jobs", json={"nodeName": f"p-{number}", "sealing": "plain", "delaySeconds": 3600}, timeout=60)
seen, place = [], "/v1/jobs?limit=3"
while place:
    page = client.get(url + place, timeout=60)
    seen += [one["id"] for one in page.json()["jobs"]]
    place = page.links.get("next", {}).get("url")
assert len(seen) == len(set(seen)) == 8, seen

refused = client.post(f"{url}/v1/jobs", json={"nodename": "x"}, timeout=60)
assert refused.status_code == 422 and refused.headers["Content-Type"] == "application/problem+json"
assert refused.json()["errors"][0]["pointer"] == "/nodename" and "nodeName" in refused.json()["errors"][0]["detail"]
assert requests.get(f"{url}/v1/jobs", timeout=60).status_code == 401

# Numbers as Prometheus' own library reads them, in both formats.
for accept, read in [(None, prometheus), ("application/openmetrics-text; version=1.0.0", openmetrics)]:
    for _ in range(100):
        numbers = client.get(f"{url}/metrics", headers={"Accept": accept}, timeout=60)
        samples = {(sample.name, *sorted(sample.labels.items())): sample.value
                   for family in read(numbers.text) for sample in family.samples}
        # What has just happened is counted a moment later.
        if samples["farm_job_changes_total", ("state", "succeeded")] == 1 and len(
                [1 for key in samples if key[0] == "farm_http_requests_total" and ("status", "401") in key]) == 1:
            break
        time.sleep(0.1)
    assert ("openmetrics" in numbers.headers["Content-Type"]) == bool(accept)
    assert samples["farm_job_changes_total", ("state", "succeeded")] == 1, numbers.text
    assert samples["farm_job_changes_total", ("state", "scheduled")] == 7, numbers.text
    assert samples["farm_jobs", ("lane", "interactive"), ("state", "scheduled")] == 7, numbers.text
    assert samples["farm_workers", ("state", "alive")] == 1, numbers.text
    assert samples["farm_job_seconds_count", ("stage", "build")] == 1, numbers.text
    assert samples["farm_job_seconds_bucket", ("le", "+Inf"), ("stage", "wait")] == 1, numbers.text
    assert samples["farm_http_requests_total", ("method", "POST"), ("route", "/v1/jobs"), ("status", "202")] == 8
    assert samples["farm_http_requests_total", ("method", "GET"), ("route", "/v1/jobs/{id}"), ("status", "304")] == 1
    assert samples["farm_http_request_seconds_count", ("route", "/v1/artifacts/{id}")] >= 4, numbers.text
    # No series for each job: what is counted by is a row of the table.
    assert job not in numbers.text
print("all is well")
