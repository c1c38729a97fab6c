apt_update 'daily' do
  frequency 86_400
  action :periodic
end

package node['base']['packages']

group 'admin' do
  members node['base']['admins']
  append true
end

user node['base']['deploy']['user'] do
  home node['base']['deploy']['home']
  shell '/bin/bash'
  manage_home true
  comment 'Deploys'
  not_if "getent passwd #{node['base']['deploy']['user']}"
end

node['base']['admins'].each do |name|
  user name do
    supports manage_home: true
    password data_bag_item('users', name)['password']
  end
end

cookbook_file '/etc/motd'

execute 'locale-gen en_US.UTF-8' do
  not_if 'locale -a | grep -q en_US'
end

execute 'update-ca-certificates' do
  action :nothing
end

cookbook_file '/usr/local/share/ca-certificates/own.crt' do
  source 'own.crt'
  notifies :run, 'execute[update-ca-certificates]', :immediately
end

cron 'tidy up' do
  minute '15'
  hour '3'
  command '/usr/bin/find /tmp -mtime +7 -delete'
  user 'root'
end

cron 'logs' do
  minute '*/5'
  command '/usr/local/bin/ship >/dev/null 2>&1'
end

include_recipe 'ntp'
