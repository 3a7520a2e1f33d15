"""Makes a request of the API behind the gateway in the background, and prints its details and its result.

python3 bgrs.py http://localhost:8081 rb_… '/v2.5/users/me?t=csv'
"""
import json, sys, time, urllib.request

gateway, key, target = sys.argv[1:]


def get(path):
    request = urllib.request.Request(gateway + path, headers={"X-Ringback-Key": key})
    with urllib.request.urlopen(request) as answer:
        return answer.read()


rid = json.loads(get(target + ("&" if "?" in target else "?") + "bgrs=yes"))["request"]
while True:
    request = json.loads(get("/bgrs/" + rid))[0]
    if request["status_name"] not in ("waiting", "executing"):
        break
    time.sleep(1)
for line in json.loads(get("/bgrs/" + rid + "/details")):
    print(line["dt"], line["details"], file=sys.stderr)
if request["status_name"] != "finished":
    sys.exit("the request is " + request["status_name"])
print(request["user_id"], request["status"], request["result"], file=sys.stderr)
sys.stdout.buffer.write(get("/bgrs/" + rid + "/result"))
