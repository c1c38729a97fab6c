#
# Cookbook:: webserver
# Recipe:: default
#

include_recipe "webserver::#{node['webserver']['install_method']}"
include_recipe 'webserver::commons'

service 'nginx' do
  supports status: true, restart: true, reload: true
  action [:start, :enable]
end
