# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# nginx: a master and two workers under load; static and compressed answers, a proxy, errors, a reload, a graceful end.
packages="nginx-light wrk curl python3"
commands="nginx wrk curl python3"

Prepare() {
  local n
  mkdir "$inputs/files"
  for n in {1..20}; do seq "$n" "$n" $((n * 3000)) > "$inputs/files/$n.txt"; done
}

Configure() {
  cat > nginx.conf << CONF
$([[ $(id -u) != 0 ]] || echo 'user nobody nogroup;')
daemon off; worker_processes 2; pid $PWD/pid; error_log $PWD/error.log warn;
events { worker_connections 256; }
http {
  types { text/plain txt; }
  client_body_temp_path $PWD/body; proxy_temp_path $PWD/proxy; fastcgi_temp_path $PWD/fastcgi;
  uwsgi_temp_path $PWD/uwsgi; scgi_temp_path $PWD/scgi;
  access_log $PWD/access.log; server_tokens off;
  server {
    listen 127.0.0.1:$port; root $inputs/files;
    location /proxy/ { proxy_pass http://127.0.0.1:$port/; }
    location /packed/ { gzip on; gzip_min_length 1; alias $inputs/files/; }
    location /page { rewrite ^/page(.*)$ /\$1.txt last; }
    location = /answer { return 200 "an answer to \$request_method\\n"; }
  }
}
CONF
}

Fetch() { curl -sS --max-time 60 -H 'Accept-Encoding: gzip' "http://127.0.0.1:$port/$1" "${@:2}"; }

FetchAll() {
  local n
  for n in {1..20}; do
    Fetch "$n.txt" | sha256sum
    Fetch "proxy/packed/$n.txt" | gunzip | sha256sum
    Fetch "page$n" | sha256sum
  done
  Fetch answer -X POST -d body
  Fetch none.txt -o page -w '%{http_code}\n'
}

# wrk reports failed requests in a line of their own. How many it makes is different each time.
Load() {
  wrk -t 1 -c 20 -d 1s "http://127.0.0.1:$port/$1" > load
  grep -E 'Socket errors|Non-2xx' load
  grep -oE '^ +[0-9]+ requests' load | grep -cE '[1-9]'
}

Work() {
  port=$(FreePort)
  Configure
  Serve nginx -c "$PWD/nginx.conf" -p "$PWD"
  WaitFor Fetch answer || return
  FetchAll
  Load proxy/3.txt
  Load packed/1.txt
  kill -HUP "$server"
  FetchAll
  Load answer
  Stop QUIT
  echo "exit status $?"
  sed -E 's|^[^[]*\[|[|; s|[0-9]*#[0-9]*: ([*][0-9]+ )?||; s|:[0-9]+"|:PORT"|' error.log
}
