"""Runs an operation of the trm face, waits for its end, and saves the file that it made.

python3 trm.py http://localhost:8080 default rb_… resources/segments/view/export '{"file": "…", …}'
"""
import json, os, sys, time, urllib.request

base, account, key, method, parameters = sys.argv[1:]


def call(verb, path, body=None, headers={}):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **headers}
    with urllib.request.urlopen(urllib.request.Request(base + path, data, headers, method=verb)) as answer:
        return answer.read()


token = json.loads(call("POST", "/api/auth/token", {"accountid": account, "key": key}))
login = {"X-Auth-Token": token, "X-Auth-AccountId": account}
answer = json.loads(call("POST", "/api/" + method, json.loads(parameters), login))
requestid = answer["trm"]["requestid"]
while answer["trm"]["status"] not in ("Finished", "Failed"):
    time.sleep(2)
    answer = json.loads(call("GET", "/api/trm/status?requestid=%d" % requestid, headers=login))
if answer["trm"]["status"] == "Failed":
    sys.exit("%(statusText)s %(statusInfo)s" % answer["trm"])
name = os.path.basename(answer["custom"]["filename"])
with open(name, "wb") as file:
    file.write(call("GET", "/api/media/get/" + answer["custom"]["fileref"], headers=login))
print(name)
