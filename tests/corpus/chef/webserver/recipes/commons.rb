directory node['webserver']['dir'] do
  owner 'root'
  group 'root'
  mode 00755
  recursive true
end

%w(sites-available sites-enabled conf.d).each do |leaf|
  directory File.join(node['webserver']['dir'], leaf) do
    mode '0755'
  end
end

directory node['webserver']['log_dir'] do
  mode node['webserver']['log_dir_perm']
  owner node['webserver']['user']
end

template 'nginx.conf' do
  path "#{node['webserver']['dir']}/nginx.conf"
  source 'nginx.conf.erb'
  owner 'root'
  mode '0644'
  variables(gzip_types: node['webserver']['gzip_types'])
  notifies :reload, 'service[nginx]'
end

template "#{node['webserver']['dir']}/sites-available/default" do
  source 'default-site.erb'
  only_if { node['webserver']['gzip'] }
end

node['webserver']['sites'].each do |name, site|
  template "#{node['webserver']['dir']}/sites-available/#{name}" do
    source 'site.erb'
    variables(
      name: name,
      port: site['port'],
      root: site['root']
    )
    notifies :reload, 'service[nginx]', :delayed
  end

  link "#{node['webserver']['dir']}/sites-enabled/#{name}" do
    to "#{node['webserver']['dir']}/sites-available/#{name}"
  end
end

cookbook_file "#{node['webserver']['dir']}/mime.types" do
  mode '644'
  notifies :reload, 'service[nginx]'
end

if node['webserver']['gzip'] && node['webserver']['keepalive'] == 'on'
  log 'gzip and keepalive are on'
elsif node['webserver']['server_tokens'].nil?
  log 'nothing is on' do
    level :warn
  end
else
  raise 'unknown'
end
