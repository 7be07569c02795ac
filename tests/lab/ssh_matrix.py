#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plays logins of real OpenSSH over one cable and writes down how each ended.

usage: LAB=NAME ssh_matrix.py up DIR | run DIR core|full | truth DIR | down DIR

`up` makes two namespaces, $LAB-client and $LAB-server, joined by veth `cable` on both
sides, and starts the servers. `run` plays the matrix; `truth` reads the servers' own
logs, when they are complete, and writes DIR/truth.json: a list of runs, each with what
was asked for and, per connection (a run has a source address of its own), `result` and
`attempts`. `down` removes all of it.

The servers run in a mount namespace with private copies of /etc/passwd, /etc/shadow and
/etc/pam.d/sshd, so that a test user with a password exists for them alone.
"""
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import time

LAB = os.environ.get("LAB", "gwssh")
CLIENT, SERVER = LAB + "-client", LAB + "-server"
SERVER_IP = "10.199.255.1"
RIGHT, WRONG = "correct horse", "battery staple"

# Name, and what its configuration has besides the common part. Ports count from 2201.
SERVERS = {
    "plain": "UsePAM no\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\n",
    "pam": "UsePAM yes\nPasswordAuthentication yes\nKbdInteractiveAuthentication yes\n"
           "Banner {dir}/banner\n",
    "keys": "UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n",
    "grace": "UsePAM no\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\n"
             "LoginGraceTime 3\n",
    "both": "UsePAM no\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\n"
            "AuthenticationMethods publickey,password\n",
    "banner": "UsePAM no\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\n"
              "Banner {dir}/banner\nMaxAuthTries 20\n",
    "gssapi": "UsePAM yes\nPasswordAuthentication yes\nKbdInteractiveAuthentication yes\n"
              "GSSAPIAuthentication yes\n",
}
PORT = {name: 2201 + i for i, name in enumerate(SERVERS)}

# Class, cipher, MAC (None: the cipher has its own).
CIPHERS = [
    ("chacha20", "chacha20-poly1305@openssh.com", None),
    ("gcm", "aes128-gcm@openssh.com", None),
    ("gcm", "aes256-gcm@openssh.com", None),
    ("ctr etm", "aes128-ctr", "hmac-sha2-256-etm@openssh.com"),
    ("ctr etm", "aes256-ctr", "hmac-sha2-512-etm@openssh.com"),
    ("ctr etm", "aes128-ctr", "umac-64-etm@openssh.com"),
    ("ctr etm", "aes256-ctr", "umac-128-etm@openssh.com"),
    ("ctr etm", "aes192-ctr", "hmac-sha1-etm@openssh.com"),
    ("ctr", "aes128-ctr", "hmac-sha2-256"),
    ("ctr", "aes256-ctr", "hmac-sha2-512"),
    ("ctr", "aes128-ctr", "hmac-sha1"),
    ("ctr", "aes256-ctr", "umac-64@openssh.com"),
    ("ctr", "aes128-ctr", "umac-128@openssh.com"),
    ("cbc", "aes128-cbc", "hmac-sha1"),
    ("cbc", "3des-cbc", "hmac-sha2-256-etm@openssh.com"),
]
ONE_EACH = [CIPHERS[0], CIPHERS[1], CIPHERS[3], CIPHERS[8]]

ASKPASS = """#!/bin/bash
# Answers with the next line of the run's list of answers; without one the client is ended.
n=$(cat "$GW_RUN/asked" 2>/dev/null || echo 0)
echo $((n + 1)) >"$GW_RUN/asked"
answer=$(sed -n "$((n + 1))p" "$GW_RUN/answers")
[ "$((n + 1))" -le "$(wc -l <"$GW_RUN/answers")" ] || kill -9 "$PPID"
case $answer in
sleep*) sleep "${answer#sleep }"; answer=$(sed -n "$((n + 2))p" "$GW_RUN/answers")
	echo $((n + 2)) >"$GW_RUN/asked" ;;
kill) kill -9 "$PPID"; exit 1 ;;
cancel) exit 1 ;;
esac
printf '%s\\n' "$answer"
"""


def sh(*args, **more):
    return subprocess.run(args, check=True, **more)


def netns(space, *args):
    return ["ip", "netns", "exec", space, *args]


# ---- the place -------------------------------------------------------------------------

def write(path, text, mode=0o644):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)


def keys(d):
    sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", d + "/hostkey")
    sh("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", d + "/hostkey_rsa")
    for name, kind, phrase in (("ed25519", "ed25519", ""), ("rsa", "rsa", ""),
                               ("ecdsa", "ecdsa", ""), ("phrase", "ed25519", RIGHT),
                               *(("wrong%d" % i, "ed25519", "") for i in range(1, 7)),
                               ("wrongrsa", "rsa", "")):
        sh("ssh-keygen", "-q", "-t", kind, "-N", phrase, "-C", "k", "-f", d + "/" + name)
    with open(d + "/authorized", "w") as out:
        for name in ("ed25519", "rsa", "ecdsa", "phrase"):
            with open(d + "/" + name + ".pub") as f:
                out.write(f.read())


def accounts(d):
    crypt = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=RIGHT, text=True,
                           capture_output=True, check=True).stdout.strip()
    os.mkdir(d + "/home")
    os.chmod(d + "/home", 0o755)
    for source, line in (("passwd", "%s:x:12345:12345::" + d + "/home:/bin/bash\n"),
                         ("shadow", "%s:" + crypt + ":19000:0:99999:7:::\n"),
                         ("group", "%s:x:12345:\n")):
        with open("/etc/" + source) as f:
            text = f.read()
        write(d + "/" + source, text + "".join(line % u for u in USERS),
              0o600 if source == "shadow" else 0o644)
    write(d + "/pam", "auth required pam_unix.so nodelay\naccount required pam_permit.so\n"
                      "session required pam_permit.so\n")


USERS = ("op", "an-operator-of-the-fabric")


def server_config(d, name, extra):
    write("%s/%s.conf" % (d, name), (
        "Port %d\nListenAddress %s\nHostKey %s/hostkey\nHostKey %s/hostkey_rsa\n"
        "PidFile %s/%s.pid\nAuthorizedKeysFile %s/authorized\nStrictModes no\nUseDNS no\n"
        "PrintMotd no\nPrintLastLog no\nMaxStartups 100\nPermitUserRC no\nLogLevel VERBOSE\n"
        "Subsystem sftp internal-sftp\nAllowTcpForwarding yes\n"
        "Ciphers +3des-cbc,aes128-cbc\nMACs +hmac-sha1,hmac-sha1-etm@openssh.com\n"
        % (PORT[name], SERVER_IP, d, d, d, name, d)) + extra.replace("{dir}", d))


def start_servers(d):
    script = """
        cd "$1" && for f in passwd shadow group; do mount --bind $f /etc/$f || exit 1; done
        mount --bind pam /etc/pam.d/sshd || exit 1
        for m in /run /var/log; do mount -t tmpfs -o mode=755 tmpfs $m || exit 1; done
        mkdir /run/sshd
        shift
        for s; do
            /usr/sbin/sshd -f "$PWD/$s.conf" -E "$PWD/$s.log" || exit 1
        done"""
    sh(*netns(SERVER, "unshare", "--mount", "bash", "-c", script, "servers", d, *SERVERS))


def up(d):
    os.chmod(d, 0o755)
    keys(d)
    accounts(d)
    write(d + "/banner", "Authorised operators of the fabric only. Everything is recorded.\n" * 3)
    write(d + "/askpass", ASKPASS, 0o755)
    for space in (CLIENT, SERVER):
        sh("ip", "netns", "add", space)
    sh("ip", "link", "add", "cable", "netns", CLIENT, "type", "veth", "peer", "name", "cable",
       "netns", SERVER)
    for space, address in ((CLIENT, "10.199.255.2/30"), (SERVER, SERVER_IP + "/30")):
        sh("ip", "-n", space, "addr", "add", address, "dev", "cable")
        sh("ip", "-n", space, "link", "set", "lo", "up")
        sh("ip", "-n", space, "link", "set", "cable", "up")
    # any address of this network may be a source, without being configured one by one
    sh("ip", "-n", CLIENT, "route", "add", "local", "10.199.0.0/17", "dev", "lo")
    sh("ip", "-n", SERVER, "route", "add", "10.199.0.0/17", "via", "10.199.255.2")
    for name, extra in SERVERS.items():
        server_config(d, name, extra)
    start_servers(d)


def down(d):
    for space in (CLIENT, SERVER):
        pids = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True)
        for pid in pids.stdout.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        subprocess.run(["ip", "netns", "del", space], stderr=subprocess.DEVNULL, check=False)


# ---- the runs --------------------------------------------------------------------------

def run(name, cipher, server="plain", user="op", answers=(), keyfiles=(), command=("true",),
        options=(), tool="ssh", expect=None):
    return {"name": name, "class": cipher[0], "cipher": cipher[1], "mac": cipher[2] or "",
            "server": server, "user": user, "answers": list(answers), "keys": list(keyfiles),
            "command": list(command), "options": list(options), "tool": tool}


def password(c, failures, success, **more):
    answers = [WRONG] * failures + ([RIGHT] if success else [])
    return run("password, %d wrong%s" % (failures, ", then right" if success else ""), c,
               answers=answers, **more)


def publickey(c, failures, success, right="ed25519", **more):
    wrong = ["wrong%d" % (i + 1) for i in range(failures)]
    return run("%d keys refused%s" % (failures, ", then %s" % right if success else ""), c,
               keyfiles=wrong + ([right] if success else []), **more)


def interactive(c, failures, success, **more):
    more.setdefault("server", "pam")
    more["options"] = ["PreferredAuthentications=keyboard-interactive"]
    r = password(c, failures, success, **more)
    r["name"] = "keyboard-interactive" + r["name"][8:]
    return r


def specials(c):
    yield run("banner, password", c, "banner", answers=[RIGHT])
    yield run("banner, wrong password, right", c, "banner", answers=[WRONG, RIGHT])
    yield run("banner, key", c, "banner", keyfiles=["ed25519"])
    yield run("banner, wrong key, key", c, "banner", keyfiles=["wrong1", "ed25519"])
    yield run("banner, all wrong", c, "banner", answers=[WRONG] * 3)
    yield run("slow touch", c, keyfiles=["phrase"], answers=["sleep 1.5", RIGHT])
    yield run("slow password", c, answers=["sleep 1.5", WRONG, "sleep 1", RIGHT])
    yield run("rsa key", c, keyfiles=["rsa"])
    yield run("ecdsa key", c, keyfiles=["wrongrsa", "ecdsa"])
    yield run("forwarding -L", c, keyfiles=["ed25519"], tool="forward")
    yield run("-N, stopped", c, keyfiles=["ed25519"], tool="idle")
    yield run("jump -J", c, keyfiles=["ed25519"], tool="jump")
    yield run("scp", c, keyfiles=["ed25519"], tool="scp")
    yield run("sftp", c, answers=[RIGHT], tool="sftp")
    yield run("tty", c, answers=[RIGHT], tool="tty")
    yield run("no command output", c, keyfiles=["ed25519"], command=["true"])
    yield run("exec, exit 3", c, keyfiles=["ed25519"], command=["exit 3"])
    yield run("exec, much output", c, keyfiles=["ed25519"],
              command=["head -c 300000 /dev/zero"])
    yield run("unknown user, password", c, user="nobody-here", answers=[WRONG] * 3)
    yield run("unknown user, keys", c, "keys", user="nobody-here", keyfiles=["ed25519"])
    yield run("long user name", c, user=USERS[1], answers=[WRONG, RIGHT])
    yield run("keys only, refused", c, "keys", keyfiles=["wrong1", "wrong2"])
    yield run("keys only, accepted", c, "keys", keyfiles=["wrong1", "ed25519"])
    yield run("empty password", c, answers=["", RIGHT])
    yield run("no method left", c, "keys", answers=[WRONG])
    yield run("client gives up", c, answers=[WRONG, "cancel"])
    yield run("client is killed", c, answers=["kill"])
    yield run("client is killed later", c, answers=[WRONG, WRONG, "kill"])
    yield run("login grace time", c, "grace", answers=["sleep 6", RIGHT])
    yield run("login grace time, later", c, "grace", answers=[WRONG, "sleep 6", RIGHT])
    yield run("key and password", c, "both", keyfiles=["ed25519"], answers=[RIGHT])
    yield run("key, then wrong password", c, "both", keyfiles=["ed25519"],
              answers=[WRONG] * 3)
    yield run("wrong keys, then right password", c, keyfiles=["wrong1", "wrong2"],
              answers=[RIGHT])
    yield run("six keys offered, none fits", c, keyfiles=["wrong%d" % i for i in range(1, 7)])
    yield run("rekey soon after login", c, keyfiles=["ed25519"],
              command=["head -c 600000 /dev/zero"], options=["RekeyLimit=64K"])
    yield run("delayed compression", c, answers=[WRONG, RIGHT], options=["Compression=yes"])
    yield run("twelve passwords", c, "banner", answers=[WRONG] * 11 + [RIGHT])
    yield run("gssapi offered, password", c, "gssapi", answers=[WRONG, RIGHT])
    yield interactive(c, 0, True)
    yield interactive(c, 1, True)
    yield interactive(c, 2, True)
    yield interactive(c, 3, False)


def matrix(size):
    runs = []
    for c in CIPHERS if size == "full" else ONE_EACH:
        for n in range(6):
            runs.append(password(c, n, True))
            runs.append(publickey(c, n, True))
        runs.append(password(c, 3, False))
        runs.append(password(c, 6, False))
        runs.append(publickey(c, 3, False))
    for c in ONE_EACH + ([CIPHERS[2], CIPHERS[5], CIPHERS[11], CIPHERS[13]]
                         if size == "full" else []):
        runs.extend(specials(c))
    if size != "full":
        # of the core, each second run, another half of each cipher
        runs = [r for i, r in enumerate(runs) if (i + CLASS_NUMBER[r["class"]]) % 2]
    for i, r in enumerate(runs):
        r["source"] = "10.199.%d.%d" % (1 + i // 200, 1 + i % 200)
    return runs


CLASS_NUMBER = {"chacha20": 0, "gcm": 1, "ctr etm": 2, "ctr": 3, "cbc": 4}


def play(d, i, r):
    own = "%s/run%d" % (d, i)
    os.mkdir(own)
    write(own + "/answers", "".join(a + "\n" for a in r["answers"]))
    prompts = [x for x in r["answers"] if not x.startswith("sleep")]
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
               "GlobalKnownHostsFile=/dev/null", "IdentitiesOnly=yes",
               "IdentityFile=none" if not r["keys"] else "PubkeyAuthentication=yes",
               "BindAddress=" + r["source"],
               "NumberOfPasswordPrompts=%d" % max(1, len(prompts)),
               "PasswordAuthentication=" + ("yes" if prompts else "no"), "LogLevel=DEBUG",
               "Ciphers=" + r["cipher"], "User=" + r["user"], "ForwardX11=no",
               "ControlMaster=no", "ControlPath=none", "ConnectTimeout=60"]
    if r["mac"]:
        options.append("MACs=" + r["mac"])
    options += r["options"]
    options += ["IdentityFile=%s/%s" % (d, k) for k in r["keys"]]
    write(own + "/config", "Host *\n" + "".join(" " + o.replace("=", " ", 1) + "\n"
                                                  for o in options) +
          "Host target\n HostName %s\n Port %d\n" % (SERVER_IP, PORT[r["server"]]))
    config = ["-F", own + "/config"]
    argv = {
        "ssh": ["ssh", *config, "target", *r["command"]],
        "tty": ["ssh", "-tt", *config, "target", "echo there; exit"],
        "forward": ["ssh", "-L", "127.0.0.1:%d:%s:%d" % (30000 + i, SERVER_IP, PORT["keys"]),
                    *config, "target", "sleep 1"],
        "idle": ["timeout", "2", "ssh", "-N", *config, "target"],
        "jump": ["ssh", *config, "-J", "target",
                 "%s@%s" % (r["user"], SERVER_IP), "-p", str(PORT["keys"]), "true"],
        "scp": ["scp", *config, "/etc/services", "target:copy%d" % i],
        "sftp": ["sftp", *config, "target:/etc/hostname", own + "/got"],
    }[r["tool"]]
    env = dict(os.environ, SSH_ASKPASS=d + "/askpass", SSH_ASKPASS_REQUIRE="force", GW_RUN=own,
               HOME=own, DISPLAY="none:0")
    env.pop("SSH_AUTH_SOCK", None)
    with open(own + "/out", "w") as out:
        done = subprocess.run(netns(CLIENT, *argv), stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT, env=env, timeout=300, check=False)
    return done.returncode


def run_all(d, size):
    runs = matrix(size)
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("GW_PARALLEL", "6"))) as pool:
        for r, code in zip(runs, pool.map(lambda x: play(d, *x), enumerate(runs))):
            r["exit"] = code
    write(d + "/runs.json", json.dumps(runs, indent=0))
    print("%d runs in %.0f s" % (len(runs), time.monotonic() - began))


# ---- the truth -------------------------------------------------------------------------

LINE = re.compile(r"^(?:(Accepted|Failed|Partial) (\S+) .*|Connection )from (10\.199\.\d+\.\d+) port (\d+)")
# The client says each refusal, also those that sshd does not log (keys of a user that it does not
# know) or logs as "none" (an empty password). The first is the answer to its own `none`.
REFUSED = re.compile(r"Authentications that can continue|: Too many authentication failures")


def truth(d):
    seen = {}
    for name in SERVERS:
        with open("%s/%s.log" % (d, name)) as f:
            for line in f:
                m = LINE.match(line)
                if not m:
                    continue
                what, method, address, port = m.groups()
                one = seen.setdefault((address, int(port)), {"server": name, "result": "failure",
                                                             "attempts": 0})
                if not what or method == "none":
                    continue
                one["attempts"] += 1
                if what == "Accepted":
                    one["result"] = "success"
    with open(d + "/runs.json") as f:
        runs = json.load(f)
    out = []
    for i, r in enumerate(runs):
        flows = {port: one for (address, port), one in seen.items()
                 if address == r["source"] and one["server"] == r["server"]}
        assert len(flows) == 1, (r, flows)
        port, one = flows.popitem()
        if r["tool"] != "jump": # there two clients speak
            with open("%s/run%d/out" % (d, i), errors="replace") as f:
                one["attempts"] = (len(REFUSED.findall(f.read())) - 1 +
                                   (one["result"] == "success"))
        # what the server says must be what the client says
        assert (r["exit"] == 255) == (one["result"] == "failure") or r["exit"] in (124, -9, 137) \
            or r["tool"] != "ssh", (r, one)
        out.append(dict(r, port=port, result=one["result"], attempts=one["attempts"]))
    write(d + "/truth.json", json.dumps(out, indent=0))
    print("%d runs, %d of them got in" % (len(out), sum(r["result"] == "success" for r in out)))


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("up", "run", "truth", "down"):
        sys.exit(__doc__)
    os.environ["PATH"] = "/usr/local/sbin:/usr/sbin:/sbin:" + os.environ["PATH"]
    if sys.argv[1] == "run":
        run_all(sys.argv[2], sys.argv[3])
    else:
        {"up": up, "truth": truth, "down": down}[sys.argv[1]](sys.argv[2])


main()
