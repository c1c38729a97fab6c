package 'nginx'

file '/etc/nginx/conf.d/shop.conf' do
  content <<~CONF
    upstream shop {
      server 127.0.0.1:#{node[:shop][:port]};
    }
  CONF
  mode 0o644
  notifies :reload, 'service[nginx]'
end

service 'nginx' do
  action :nothing
end

service 'gunicorn' do
  action :start
  retries 3
  retry_delay 5
end

http_request 'hello' do
  url 'http://localhost/'
end

remote_file '/usr/local/bin/tool' do
  source 'https://forge.example/tool'
  checksum 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  mode '0755'
end

remote_file '/usr/local/bin/other' do
  source 'https://forge.example/other'
end
