directory node[:site][:tmp] do
  action [:delete, :create]
end

directory node[:site][:root]

node[:site][:allowed].each { |ip| log "allow #{ip}" }

link "/etc/site" do to "/srv/www/site" end

template '/etc/init/site.conf' do
  source 'site.conf.erb'
  mode 0644
end

template '/etc/init/other.conf' do
  source 'other.conf.erb'
end

script 'old' do
  interpreter 'python'
  code 'print(1)'
end

user 'old' do action :remove end
group 'old' do action :remove end
package('telnet') { action :purge }
package 'tree' do
  version '2.*'
end
package 'less' if node[:site][:workers] > 1
package 'more' unless node[:site][:workers] == 2

deploy = "/srv/#{node[:site][:workers]}"
file "#{deploy}.txt" do
  content "x"
end
include_recipe 'site::deploy'
