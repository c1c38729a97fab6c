default['base']['packages'] = %w[curl htop vim]
default['base']['admins'] = ['anna', 'bert']
default['base']['deploy']['user'] = 'deploy'
default['base']['deploy']['home'] = "/home/#{node['base']['deploy']['user']}"
default['base']['ssh-port'] = 22
default['ntp']['servers'] = ['0.pool.example']
